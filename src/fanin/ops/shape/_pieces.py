"""Pieces of a tensor along an axis."""

from __future__ import annotations

from typing import Any, TypeVar

from fanin.ir.dims import Dim
from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.contract import ANY, Op, OpAttrs, Port
from fanin.ops.keeping import PART, Lies
from fanin.ops.sees import Sees, Use, moved, same

A = TypeVar("A", bound=OpAttrs)


class Pieces(Op[A]):
    """A list of pieces, one behind the other, along the attribute ``axis``. Each is a part of the tensor's memory."""

    inputs = (Port("x", ANY),)
    listed = True
    kept = ()

    def sees(self, a: Any, use: Use) -> tuple[Sees, ...]:
        axis = a.axis % use.x.rank
        start: Dim = 0
        found: list[Sees] = []
        for out in use.outs:
            box = list(same(out))
            box[axis] = whole(axis, out.shape[axis], start)
            found.append(moved(tuple(box)))
            start = start + out.shape[axis]
        return tuple(found)

    def lies(self, a: A, *types: TensorType) -> Lies:
        return PART

    def signal(self, a: A, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        return Part(range(types[0].rank))
