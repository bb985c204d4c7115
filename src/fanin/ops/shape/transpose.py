"""Two axes change places."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import Lies, permuted
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Ties, letters
from fanin.record import record


@record
class TransposeAttrs(OpAttrs):
    axis0: Axis
    axis1: Axis


@final
class Transpose(Op[TransposeAttrs]):
    """x with two axes exchanged.

    Shape: ``[N, T, D] -> [N, D, T]`` for ``transpose(1, 2)``
    """

    name = "transpose"
    attrs = TransposeAttrs
    inputs = (Port("x", ANY),)
    example = "y = transpose(x, 0, 1)"
    kept = ()

    def infer(self, a: TransposeAttrs, *types: TensorType) -> Result:
        x = types[0]
        first, second = normal_axis(a.axis0, x.rank, "axis0"), normal_axis(a.axis1, x.rank, "axis1")
        return x.with_axis(first, x.shape[second]).with_axis(second, x.shape[first])

    def sees(self, a: TransposeAttrs, use: Use) -> Sees:
        first, second = a.axis0 % use.x.rank, a.axis1 % use.x.rank
        box = list(same(use.x))
        box[first], box[second] = whole(second, use.x.shape[first]), whole(first, use.x.shape[second])
        return moved(tuple(box))

    def torch(self, a: TransposeAttrs, *types: TensorType) -> Code:
        return method(Input(0), "transpose", a.axis0, a.axis1)

    def lies(self, a: TransposeAttrs, *types: TensorType) -> Lies:
        axes = list(range(types[0].rank))
        axes[a.axis0], axes[a.axis1] = axes[a.axis1], axes[a.axis0]
        return permuted(axes)

    def inverse(self, a: TransposeAttrs) -> tuple[str, TransposeAttrs]:
        return self.name, a

    def signal(self, a: TransposeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Permute

        rank = types[0].rank
        order = list(range(rank))
        first, second = a.axis0 % rank, a.axis1 % rank
        order[first], order[second] = second, first
        return Permute(order)

    def couplings(self, a: TransposeAttrs, *types: TensorType) -> Ties:
        (x,) = types
        layout = letters(x)
        out = list(layout)
        out[a.axis0 % x.rank], out[a.axis1 % x.rank] = layout[a.axis1 % x.rank], layout[a.axis0 % x.rank]
        return Ties((layout,), (tuple(out),))
