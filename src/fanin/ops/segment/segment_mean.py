"""Means over segments."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Function
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.segment._segment import PerSegment, SegmentAttrs, printed

MEAN = Function(
    "segment_mean",
    '''\
def segment_mean(x: Tensor, index: Tensor, size: int) -> Tensor:
    """Row j is the mean of the rows i of x with index[i] == j, and 0 where there are none."""
    total = x.new_zeros(size, *x.shape[1:]).index_add(0, index, x)
    count = x.new_zeros(size).index_add(0, index, x.new_ones(x.shape[0]))
    return total / count.clamp(min=1).view(-1, *[1] * (x.dim() - 1))
''',
)


@final
class SegmentMean(PerSegment):
    """Row j is the mean of the rows i of x with ``index[i] == j``, and 0 where there are none.

    Shape: ``x [E, *S], index int[E] -> [size, *S]``
    """

    name = "segment_mean"
    example = "y = segment_mean(x, i, 5)"

    def torch(self, a: SegmentAttrs, *types: TensorType) -> Code:
        return printed(MEAN, a)

    def saved(self, a: SegmentAttrs, use: Backprop) -> Kept:
        return Kept((0, 1), more=(numbers(use.results[0].shape[0]),))

    def signal(self, a: SegmentAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.picked import Segments

        return Segments(mean=True)
