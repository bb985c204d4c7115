"""Every slice several times in a row."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import Digit, normal
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Axis, Size
from fanin.ops.code import OMIT, Code, Input, method
from fanin.ops.contract import ANY, Inferred, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.sees import Sees, Use, all_of, moved, same
from fanin.ops.sizes import need_sizes
from fanin.ops.ties import Letter, Ties, Times, letters
from fanin.record import record


@record
class RepeatInterleaveAttrs(OpAttrs):
    repeats: Size
    axis: Axis | None = None


@final
class RepeatInterleave(Op[RepeatInterleaveAttrs]):
    """Every slice along an axis ``repeats`` times in a row; without an axis every number, in one row.

    Shape: ``[N, D] -> [N, 2 * D]`` for ``repeat_interleave(2, axis=1)``
    """

    name = "repeat_interleave"
    attrs = RepeatInterleaveAttrs
    inputs = (Port("x", ANY),)
    example = "y = repeat_interleave(x, 2, axis=1)"
    kept = ()

    def infer(self, a: RepeatInterleaveAttrs, *types: TensorType) -> Result:
        x = types[0]
        needs = need_sizes(a.repeats)
        if a.axis is None:
            return Inferred((x.with_shape(x.numel() * a.repeats),), needs)
        axis = normal_axis(a.axis, x.rank)
        return Inferred((x.with_axis(axis, x.shape[axis] * a.repeats),), needs)

    def sees(self, a: RepeatInterleaveAttrs, use: Use) -> Sees:
        if a.axis is None:
            return all_of(use.types, use.out)
        axis, box = a.axis % use.x.rank, list(same(use.x))
        box[axis] = normal([(1, Digit(axis, a.repeats, use.x.shape[axis]))], 0, 0)
        return moved(tuple(box))

    def torch(self, a: RepeatInterleaveAttrs, *types: TensorType) -> Code:
        return method(Input(0), "repeat_interleave", a.repeats, dim=OMIT if a.axis is None else a.axis)

    def signal(self, a: RepeatInterleaveAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stretch

        if a.axis is None:
            return Unknown("nothing is known behind `repeat_interleave` without an axis")
        return Stretch()

    def couplings(self, a: RepeatInterleaveAttrs, *types: TensorType) -> Ties | Unknown:
        (x,) = types
        if a.axis is None:
            return Unknown("`repeat_interleave` without an axis makes one row of all numbers")
        axis, layout = a.axis % x.rank, letters(x)
        each = Times((layout[axis], Letter("times", a.repeats)))
        return Ties((layout,), ((*layout[:axis], each, *layout[axis + 1 :]),), fixed=(("times", "they are copies"),))
