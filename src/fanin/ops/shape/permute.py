"""Axes in another order."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.axes import normal_axes
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.keeping import Lies, permuted
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Ties, letters
from fanin.record import record


@record
class PermuteAttrs(OpAttrs):
    axes: tuple[Axis, ...]


@final
class Permute(Op[PermuteAttrs]):
    """x with its axes in the order given.

    Shape: ``[N, C, H, W] -> [N, H, W, C]`` for ``permute(0, 2, 3, 1)``
    """

    name = "permute"
    attrs = PermuteAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "*axes")
    example = "y = permute(x, 1, 0)"
    kept = ()

    def infer(self, a: PermuteAttrs, *types: TensorType) -> Result:
        x = types[0]
        axes = normal_axes(a.axes, x.rank, "axes")
        if len(axes) != x.rank:
            raise Complaint(f"`permute` names {len(axes)} of {x.rank} axes", "axes")
        return x.with_shape(*(x.shape[i] for i in axes))

    def sees(self, a: PermuteAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        for place, axis in enumerate(a.axes):
            box[axis] = whole(place, use.out.shape[place])
        return moved(tuple(box))

    def torch(self, a: PermuteAttrs, *types: TensorType) -> Code:
        return method(Input(0), "permute", *a.axes) if a.axes else Input(0)

    def lies(self, a: PermuteAttrs, *types: TensorType) -> Lies:
        return permuted([i % types[0].rank for i in a.axes])

    def inverse(self, a: PermuteAttrs) -> tuple[str, PermuteAttrs]:
        axes = [i % len(a.axes) for i in a.axes]
        return self.name, PermuteAttrs(tuple(axes.index(i) for i in range(len(axes))))

    def signal(self, a: PermuteAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Permute as Reorder

        order = [axis % types[0].rank for axis in a.axes]
        return Reorder(order)

    def couplings(self, a: PermuteAttrs, *types: TensorType) -> Ties:
        (x,) = types
        layout = letters(x)
        return Ties((layout,), (tuple(layout[i % x.rank] for i in a.axes),))
