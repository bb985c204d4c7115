"""A stretch of an axis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.facts import Compare
from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis, Size
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Inferred, Need, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import PART, Lies
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.sizes import at_least, need_sizes
from fanin.ops.ties import SKIPPED, Letter, Plus, Ties, letters
from fanin.record import record


@record
class NarrowAttrs(OpAttrs):
    axis: Axis
    start: Size
    length: Size


@final
class Narrow(Op[NarrowAttrs]):
    """``length`` places of an axis, from ``start`` on; they are there, unlike with a slice.

    Shape: ``[N, D] -> [N, length]`` for ``narrow(1, 0, length)``
    """

    name = "narrow"
    attrs = NarrowAttrs
    inputs = (Port("x", ANY),)
    example = "y = narrow(x, 1, 2, 4)"
    kept = ()

    def infer(self, a: NarrowAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank)
        needs = need_sizes(a.start, a.length)
        if not at_least(x.shape[axis] - a.start - a.length, 0):
            message = f"places {a.start} to {{left}} are past the end of an axis of {{right}}"
            end = Compare("<=", a.start + a.length, x.shape[axis])
            needs += (Need(end, message, (("x", axis),), "too-small"),)
        return Inferred((x.with_axis(axis, a.length),), needs)

    def sees(self, a: NarrowAttrs, use: Use) -> Sees:
        axis, box = a.axis % use.x.rank, list(same(use.out))
        box[axis] = whole(axis, use.out.shape[axis], a.start)
        return moved(tuple(box))

    def torch(self, a: NarrowAttrs, *types: TensorType) -> Code:
        return method(Input(0), "narrow", a.axis, a.start, a.length)

    def lies(self, a: NarrowAttrs, *types: TensorType) -> Lies:
        return PART

    def signal(self, a: NarrowAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        return Part(range(types[0].rank))

    def couplings(self, a: NarrowAttrs, *types: TensorType) -> Ties:
        (x,) = types
        axis = a.axis % x.rank
        layout = letters(x)
        out = Letter("part", a.length)
        after = (*layout[:axis], out, *layout[axis + 1 :])
        sizes = (a.start, a.length, x.shape[axis])
        if not all(isinstance(size, int) for size in sizes):
            return Ties((layout,), (after,), fixed=(("part", "its place is open"), (f"{axis}", "its place is open")))
        first, rest = Letter("first", a.start), Letter("rest", x.shape[axis] - a.start - a.length)
        return Ties(
            ((*layout[:axis], Plus((first, out, rest)), *layout[axis + 1 :]),),
            (after,),
            ends=(("first", SKIPPED), ("rest", SKIPPED)),
            resize=lambda n: replace(a, start=n(first), length=n(out)),
        )
