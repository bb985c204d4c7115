"""The largest of segments."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Function
from fanin.ops.contract import INTS, REALS, Port
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.segment._segment import PerSegment, SegmentAttrs, printed

MAX = Function(
    "segment_max",
    '''\
def segment_max(x: Tensor, index: Tensor, size: int) -> Tensor:
    """Row j holds the largest numbers of the rows i of x with index[i] == j, and 0 where there are none."""
    places = index.view(x.shape[0], *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_zeros(size, *x.shape[1:]).scatter_reduce(0, places, x, "amax", include_self=False)
''',
)


@final
class SegmentMax(PerSegment):
    """Row j holds the largest numbers of the rows i of x with ``index[i] == j``, and 0 where there are none.

    Shape: ``x [E, *S], index int[E] -> [size, *S]``
    """

    name = "segment_max"
    inputs = (Port("x", REALS), Port("index", INTS))
    example = "y = segment_max(x, i, 5)"

    def torch(self, a: SegmentAttrs, *types: TensorType) -> Code:
        return printed(MAX, a)

    def saved(self, a: SegmentAttrs, use: Backprop) -> Kept:
        return Kept((0, 1), (0,), (use.results[0],))
