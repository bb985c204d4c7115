"""Sums over segments."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import INTS, NUMBERS, Port
from fanin.ops.segment._segment import PerSegment, SegmentAttrs


@final
class SegmentSum(PerSegment):
    """Row j is the sum of the rows i of x with ``index[i] == j``, and 0 where there are none.

    Shape: ``x [E, *S], index int[E] -> [size, *S]``
    """

    name = "segment_sum"
    inputs = (Port("x", NUMBERS), Port("index", INTS))
    example = "y = segment_sum(x, i, 5)"
    kept = ("x", "index")

    def torch(self, a: SegmentAttrs, *types: TensorType) -> Code:
        empty = method(Input(0), "new_zeros", a.size, *types[0].shape[1:])
        return method(empty, "index_add", 0, Input(1), Input(0))

    def signal(self, a: SegmentAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.picked import Segments

        return Segments(mean=False)
