"""A new axis of size 1."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import Lies, same
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.ties import Letter, Ties, letters
from fanin.record import record


@record
class UnsqueezeAttrs(OpAttrs):
    axis: Axis


@final
class Unsqueeze(Op[UnsqueezeAttrs]):
    """x with a new axis of size 1 at a place of the result.

    Shape: ``[N] -> [N, 1]`` for ``unsqueeze(1)``
    """

    name = "unsqueeze"
    attrs = UnsqueezeAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> unsqueeze(1)"
    kept = ()

    def infer(self, a: UnsqueezeAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank + 1)
        return x.with_shape(*x.shape[:axis], 1, *x.shape[axis:])

    def sees(self, a: UnsqueezeAttrs, use: Use) -> Sees:
        return moved(reshaped(use.x, use.out))

    def torch(self, a: UnsqueezeAttrs, *types: TensorType) -> Code:
        return method(Input(0), "unsqueeze", a.axis)

    def lies(self, a: UnsqueezeAttrs, *types: TensorType) -> Lies:
        return same(types[0])

    def signal(self, a: UnsqueezeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Reshape

        return Reshape()

    def couplings(self, a: UnsqueezeAttrs, *types: TensorType) -> Ties:
        (x,) = types
        layout = letters(x)
        axis = a.axis % (x.rank + 1)
        return Ties((layout,), ((*layout[:axis], Letter("new", 1), *layout[axis:]),))
