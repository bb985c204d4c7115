"""Numbers moved along an axis, and back in at the other end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.places import Span
from fanin.ir.types import TensorType
from fanin.ops.axes import spelled
from fanin.ops.code import OMIT, Code, Input, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.sees import Sees, Use, all_of, moved, same
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class RollAttrs(OpAttrs):
    shifts: int | tuple[int, ...]
    axis: int | tuple[int, ...] | None = None


@final
class Roll(Op[RollAttrs]):
    """x with its numbers ``shifts`` places further along an axis; what falls off comes in again at the other end.

    Shape: ``[*S] -> [*S]``
    Without an axis the numbers are rolled as one row.
    """

    name = "roll"
    attrs = RollAttrs
    inputs = (Port("x", ANY),)
    example = "y = roll(x, 1, axis=1)"
    kept = ()

    def infer(self, a: RollAttrs, *types: TensorType) -> Result:
        steps = 1 if isinstance(a.shifts, int) else len(a.shifts)
        given = () if a.axis is None else (a.axis,) if isinstance(a.axis, int) else a.axis
        axes = len([normal_axis(i, types[0].rank) for i in given]) or 1  # one may be given twice: it is rolled twice
        if steps != axes:
            raise Complaint(f"{steps} shifts do not go with {axes} axes", "shifts")
        return types[0]

    def sees(self, a: RollAttrs, use: Use) -> Sees:
        if a.axis is None or use.x.rank == 0:
            return all_of(use.types, use.out)
        axes = (a.axis,) if isinstance(a.axis, int) else a.axis
        shifts = (a.shifts,) if isinstance(a.shifts, int) else a.shifts
        box = list(same(use.x))
        for i in {axis % use.x.rank for axis in axes}:
            by = -sum(s for axis, s in zip(axes, shifts, strict=True) if axis % use.x.rank == i)
            box[i] = Span(box[i].terms, by, by, use.x.shape[i])
        return moved(tuple(box))

    def torch(self, a: RollAttrs, *types: TensorType) -> Code:
        return method(Input(0), "roll", spelled(a.shifts), dims=OMIT if a.axis is None else spelled(a.axis))

    def inverse(self, a: RollAttrs) -> tuple[str, RollAttrs]:
        back = -a.shifts if isinstance(a.shifts, int) else tuple(-s for s in a.shifts)
        return self.name, RollAttrs(back, a.axis)

    def signal(self, a: RollAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        return Part(range(types[0].rank))

    def couplings(self, a: RollAttrs, *types: TensorType) -> Ties:
        rank = types[0].rank
        axes = range(rank) if a.axis is None else [i % rank for i in ((a.axis,) if isinstance(a.axis, int) else a.axis)]
        return replace(tied(types[0]), fixed=tuple((f"{i}", "it is rolled round") for i in axes))
