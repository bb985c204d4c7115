"""Equal pieces of a tensor."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import floordiv
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis, PositiveInt
from fanin.ops.code import Code, Input, Subscript, method, unless
from fanin.ops.contract import Inferred, OpAttrs, Result, normal_axis
from fanin.ops.shape._pieces import Pieces
from fanin.ops.shape.split import SplitAttrs
from fanin.ops.sizes import need_quotient
from fanin.ops.ties import Letter, Measure, Plus, Ties, letters
from fanin.record import record


@record
class ChunkAttrs(OpAttrs):
    chunks: PositiveInt
    axis: Axis = 0


@final
class Chunk(Pieces[ChunkAttrs]):
    """A list of ``chunks`` equal pieces along an axis.

    Shape: ``[N, 3 * D] -> [N, D], [N, D], [N, D]`` for ``chunk(3, axis=1)``
    PyTorch gives fewer or smaller pieces where the number does not divide the size; here that is an error.
    """

    name = "chunk"
    attrs = ChunkAttrs
    example = "a, b = x -> chunk(2, axis=1)"

    def infer(self, a: ChunkAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank)
        message = f"a size of {x.shape[axis]} does not split into {a.chunks} equal chunks"
        size, needs = need_quotient(x.shape[axis], a.chunks, message, ("x", axis), about="chunks")
        return Inferred((x.with_axis(axis, size),) * a.chunks, needs)

    def torch(self, a: ChunkAttrs, *types: TensorType) -> Code:
        pieces = method(Input(0), "chunk", a.chunks, dim=unless(a.axis, 0))
        return pieces if a.chunks > 1 else Subscript(pieces, (0,))

    def couplings(self, a: ChunkAttrs, *types: TensorType) -> Ties:
        (x,) = types
        axis = a.axis % x.rank
        layout, size = letters(x), floordiv(x.shape[axis], a.chunks)
        parts = tuple(Letter(f"part{n}", size) for n in range(a.chunks))
        outs = tuple((*layout[:axis], part, *layout[axis + 1 :]) for part in parts)
        sizes = tuple(part for part in parts)

        def resize(n: Measure) -> ChunkAttrs | tuple[str, SplitAttrs]:
            new = tuple(n(part) for part in sizes)
            return a if len(set(new)) == 1 else ("split", SplitAttrs(new, a.axis))  # pieces of several sizes

        if not isinstance(size, int):
            return Ties(((*layout[:axis], Letter("whole", x.shape[axis]), *layout[axis + 1 :]),), outs)
        return Ties(((*layout[:axis], Plus(parts), *layout[axis + 1 :]),), outs, resize=resize)
