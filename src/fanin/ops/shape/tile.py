"""Copies of a tensor beside each other."""

from __future__ import annotations

from typing import final

from fanin.ir.places import Digit, normal
from fanin.ir.types import TensorType
from fanin.ops.attributes import Sizes
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Inferred, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, moved
from fanin.ops.sizes import need_sizes
from fanin.ops.ties import Expr, Letter, Ties, Times, letters
from fanin.record import record


@record
class TileAttrs(OpAttrs):
    repeats: Sizes


@final
class Tile(Op[TileAttrs]):
    """x repeated as a whole along its last axes, or along new ones in front: a copy for each.

    Shape: ``[N, D] -> [N, 2 * D]`` for ``tile(2)``
    """

    name = "tile"
    attrs = TileAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "*repeats")
    example = "y = tile(x, 1, 2)"
    kept = ()

    def infer(self, a: TileAttrs, *types: TensorType) -> Result:
        x = types[0]
        rank = max(x.rank, len(a.repeats))
        repeats = (1,) * (rank - len(a.repeats)) + a.repeats
        shape = (1,) * (rank - x.rank) + x.shape
        return Inferred((x.with_shape(*(s * n for s, n in zip(shape, repeats, strict=True))),), need_sizes(*a.repeats))

    def sees(self, a: TileAttrs, use: Use) -> Sees:
        new = use.out.rank - use.x.rank
        return moved(tuple(normal([(1, Digit(i + new, 1, size))], 0, 0) for i, size in enumerate(use.x.shape)))

    def torch(self, a: TileAttrs, *types: TensorType) -> Code:
        return method(Input(0), "tile", *a.repeats) if a.repeats else Input(0)

    def couplings(self, a: TileAttrs, *types: TensorType) -> Ties:
        (x,) = types
        rank = max(x.rank, len(a.repeats))
        layout = letters(x)
        repeats = (1,) * (rank - len(a.repeats)) + a.repeats
        out: list[Expr] = []
        for i, n in enumerate(repeats):
            own = layout[i - rank + x.rank] if i >= rank - x.rank else Letter(f"new{i}", 1)
            out.append(own if n == 1 else Times((Letter(f"times{i}", n), own)))
        return Ties((layout,), (tuple(out),), fixed=tuple((f"times{i}", "a copy is a whole") for i in range(rank)))
