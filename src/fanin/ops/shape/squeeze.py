"""Axes of size 1 left out."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.axes import normal_axes, spelled
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.keeping import Lies, same
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.ties import Ties, letters
from fanin.record import record


@record
class SqueezeAttrs(OpAttrs):
    axis: int | tuple[int, ...]


@final
class Squeeze(Op[SqueezeAttrs]):
    """x without the axes named, whose size is 1.

    Shape: ``[N, 1] -> [N]`` for ``squeeze(1)``
    PyTorch keeps an axis of another size in silence; here that is an error.
    """

    name = "squeeze"
    attrs = SqueezeAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> squeeze(1)"
    example_inputs = {"x": "[N, 1]"}
    kept = ()

    def infer(self, a: SqueezeAttrs, *types: TensorType) -> Result:
        x = types[0]
        axes = normal_axes(a.axis, x.rank)
        needs: tuple[Need, ...] = ()
        for i in axes:
            message = f"`squeeze` leaves out axis {i}, of size {{left}} and not 1"
            needs += need_equal(x.shape[i], 1, message, ("x", i))
        return Inferred((x.with_shape(*(size for i, size in enumerate(x.shape) if i not in axes)),), needs)

    def sees(self, a: SqueezeAttrs, use: Use) -> Sees:
        return moved(reshaped(use.x, use.out))

    def torch(self, a: SqueezeAttrs, *types: TensorType) -> Code:
        return method(Input(0), "squeeze", spelled(a.axis))

    def lies(self, a: SqueezeAttrs, *types: TensorType) -> Lies:
        return same(types[0])

    def signal(self, a: SqueezeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Reshape

        return Reshape()

    def couplings(self, a: SqueezeAttrs, *types: TensorType) -> Ties:
        (x,) = types
        layout = letters(x)
        axes = normal_axes(a.axis, x.rank)
        return Ties((layout,), (tuple(letter for i, letter in enumerate(layout) if i not in axes),))
