"""Axes read backwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.places import Digit, normal
from fanin.ir.types import TensorType
from fanin.ops.axes import normal_axes, spelled
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class FlipAttrs(OpAttrs):
    axis: int | tuple[int, ...]


@final
class Flip(Op[FlipAttrs]):
    """x with the order along one or several axes turned round.

    Shape: ``[*S] -> [*S]``
    """

    name = "flip"
    attrs = FlipAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> flip(axis=1)"
    kept = ()

    def infer(self, a: FlipAttrs, *types: TensorType) -> Result:
        normal_axes(a.axis, types[0].rank)
        return types[0]

    def sees(self, a: FlipAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        for i in normal_axes(a.axis, use.x.rank):
            last = use.x.shape[i] - 1
            box[i] = normal([(-1, Digit(i, 1, use.x.shape[i]))], last, last)
        return moved(tuple(box))

    def torch(self, a: FlipAttrs, *types: TensorType) -> Code:
        return method(Input(0), "flip", spelled(a.axis))

    def inverse(self, a: FlipAttrs) -> tuple[str, FlipAttrs]:
        return self.name, a

    def signal(self, a: FlipAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        return Part(range(types[0].rank))

    def couplings(self, a: FlipAttrs, *types: TensorType) -> Ties:
        axes = normal_axes(a.axis, types[0].rank)
        return replace(tied(types[0]), fixed=tuple((f"{i}", "it is turned round") for i in axes))
