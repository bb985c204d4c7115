"""The softmax within segments."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Function
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.segment._segment import Segment, SegmentAttrs, printed

SOFTMAX = Function(
    "segment_softmax",
    '''\
def segment_softmax(x: Tensor, index: Tensor, size: int) -> Tensor:
    """The exponentials of x over their sum in each segment: the rows i with the same index[i]."""
    places = index.view(x.shape[0], *[1] * (x.dim() - 1)).expand_as(x)
    empty = x.new_zeros(size, *x.shape[1:])
    # The largest is taken off first, so that nothing overflows; it cancels: no gradient is needed.
    top = empty.scatter_reduce(0, places, x.detach(), "amax", include_self=False)
    weight = (x - top[index]).exp()
    return weight / empty.index_add(0, index, weight)[index]
''',
)


@final
class SegmentSoftmax(Segment):
    """``exp(x)`` over its sum in each segment: the rows with the same number in ``index``.

    Shape: ``x [E, *S], index int[E] -> [E, *S]``
    Source: Veličković et al. 2017, "Graph Attention Networks", eq. 3.
    """

    name = "segment_softmax"
    example = "y = segment_softmax(x, i, 5)"

    def rows(self, a: SegmentAttrs, x: TensorType) -> TensorType:
        return x

    def torch(self, a: SegmentAttrs, *types: TensorType) -> Code:
        return printed(SOFTMAX, a)

    def saved(self, a: SegmentAttrs, use: Backprop) -> Kept:
        return Kept((1,), more=(use.x, use.x))

    def signal(self, a: SegmentAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.picked import SegmentSoftmax as Shares

        return Shares(int(a.size))  # type: ignore[arg-type]
