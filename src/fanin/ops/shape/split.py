"""Pieces of a tensor, of given sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis, PositiveInt, Size
from fanin.ops.code import Code, Input, Sequence, Subscript, method, unless
from fanin.ops.contract import Complaint, Inferred, OpAttrs, Result, need_equal, normal_axis
from fanin.ops.shape._pieces import Pieces
from fanin.ops.sizes import need_sizes
from fanin.ops.ties import Letter, Plus, Ties, letters
from fanin.record import record


@record
class SplitAttrs(OpAttrs):
    sizes: PositiveInt | tuple[Size, ...]
    axis: Axis = 0


@final
class Split(Pieces[SplitAttrs]):
    """A list of pieces along an axis: of the sizes given, or of one size (the last may be smaller).

    Shape: ``[N, 8] -> [N, 6], [N, 2]`` for ``split((6, 2), axis=1)``
    """

    name = "split"
    attrs = SplitAttrs
    example = "a, b = x -> split((6, 2), axis=1)"

    def infer(self, a: SplitAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank)
        sizes = _sizes(a, x.shape[axis])
        total: Dim = sum(sizes)
        message = "the sizes of this split add up to {right}, not to {left}"
        needs = (*need_sizes(*sizes), *need_equal(x.shape[axis], total, message, ("x", axis)))
        return Inferred(tuple(x.with_axis(axis, size) for size in sizes), needs)

    def torch(self, a: SplitAttrs, *types: TensorType) -> Code:
        sizes = a.sizes if isinstance(a.sizes, int) else Sequence(a.sizes)
        pieces = method(Input(0), "split", sizes, dim=unless(a.axis, 0))
        return pieces if len(_sizes(a, types[0].shape[a.axis])) > 1 else Subscript(pieces, (0,))

    def couplings(self, a: SplitAttrs, *types: TensorType) -> Ties:
        (x,) = types
        axis = a.axis % x.rank
        layout, sizes = letters(x), _sizes(a, x.shape[axis])
        parts = tuple(Letter(f"part{n}", size) for n, size in enumerate(sizes))
        outs = tuple((*layout[:axis], part, *layout[axis + 1 :]) for part in parts)
        if not all(isinstance(size, int) for size in sizes):
            return Ties(((*layout[:axis], Letter("whole", x.shape[axis]), *layout[axis + 1 :]),), outs)
        whole = Plus(parts)
        return Ties(
            ((*layout[:axis], whole, *layout[axis + 1 :]),),
            outs,
            resize=lambda n: a if n(whole) == x.shape[axis] else replace(a, sizes=tuple(n(part) for part in parts)),
        )


def _sizes(a: SplitAttrs, whole: Dim) -> tuple[Dim, ...]:
    if isinstance(a.sizes, tuple):
        if not a.sizes:
            raise Complaint("`split` needs at least one size", "sizes")
        return a.sizes
    if not isinstance(whole, int):
        raise Complaint(f"how many pieces of {a.sizes} there are in {whole} is not known", "sizes", kind="open")
    full, rest = divmod(whole, a.sizes)
    return (a.sizes,) * full + ((rest,) if rest or not full else ())
