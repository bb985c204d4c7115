"""Axes moved to other places."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.axes import normal_axes, spelled
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.keeping import Lies, permuted
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Ties, letters
from fanin.record import record


@record
class MovedimAttrs(OpAttrs):
    source: int | tuple[int, ...]
    destination: int | tuple[int, ...]


@final
class Movedim(Op[MovedimAttrs]):
    """The axes ``source`` at the places ``destination``; the others keep their order.

    Shape: ``[N, C, T] -> [N, T, C]`` for ``movedim(1, -1)``
    """

    name = "movedim"
    attrs = MovedimAttrs
    inputs = (Port("x", ANY),)
    example = "y = movedim(x, 0, -1)"
    kept = ()

    def infer(self, a: MovedimAttrs, *types: TensorType) -> Result:
        x = types[0]
        source = normal_axes(a.source, x.rank, "source")
        destination = normal_axes(a.destination, x.rank, "destination")
        if len(source) != len(destination):
            raise Complaint(f"{len(source)} axes cannot go to {len(destination)} places", "destination")
        rest = iter([i for i in range(x.rank) if i not in source])
        moved = dict(zip(destination, source, strict=True))
        return x.with_shape(*(x.shape[moved[i] if i in moved else next(rest)] for i in range(x.rank)))

    def sees(self, a: MovedimAttrs, use: Use) -> Sees:
        x = use.x
        source, destination = normal_axes(a.source, x.rank), normal_axes(a.destination, x.rank)
        rest = iter([i for i in range(x.rank) if i not in source])
        order = dict(zip(destination, source, strict=True))
        box = list(same(x))
        for place in range(x.rank):
            axis = order[place] if place in order else next(rest)
            box[axis] = whole(place, x.shape[axis])
        return moved(tuple(box))

    def torch(self, a: MovedimAttrs, *types: TensorType) -> Code:
        source, destination = a.source, a.destination
        if isinstance(source, tuple) or isinstance(destination, tuple):  # PyTorch takes two of a sort
            source = source if isinstance(source, tuple) else (source,)
            destination = destination if isinstance(destination, tuple) else (destination,)
        return method(Input(0), "movedim", spelled(source), spelled(destination))

    def lies(self, a: MovedimAttrs, *types: TensorType) -> Lies:
        rank = types[0].rank
        source, destination = normal_axes(a.source, rank, "source"), normal_axes(a.destination, rank, "destination")
        rest = iter([i for i in range(rank) if i not in source])
        moved = dict(zip(destination, source, strict=True))
        return permuted([moved[i] if i in moved else next(rest) for i in range(rank)])

    def inverse(self, a: MovedimAttrs) -> tuple[str, MovedimAttrs]:
        return self.name, MovedimAttrs(a.destination, a.source)

    def signal(self, a: MovedimAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Permute

        rank = types[0].rank
        source, destination = (
            [i % rank for i in (v if isinstance(v, tuple) else (v,))] for v in (a.source, a.destination)
        )
        left = iter(i for i in range(rank) if i not in source)
        order = [source[destination.index(i)] if i in destination else next(left) for i in range(rank)]
        return Permute(order)

    def couplings(self, a: MovedimAttrs, *types: TensorType) -> Ties:
        (x,) = types
        layout = letters(x)
        source = normal_axes(a.source, x.rank, "source")
        destination = normal_axes(a.destination, x.rank, "destination")
        rest = iter([i for i in range(x.rank) if i not in source])
        moved = dict(zip(destination, source, strict=True))
        order = [moved[i] if i in moved else next(rest) for i in range(x.rank)]
        return Ties((layout,), (tuple(layout[i] for i in order),))
