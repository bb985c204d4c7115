"""How many are not 0."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import ANY, Port
from fanin.ops.reduction._reduction import ReductionAttrs, Folding


@final
class CountNonzero(Folding[ReductionAttrs]):
    """How many numbers along some axes are true, or not 0.

    Shape: ``[N, D] -> int[N]``
    """

    name = "count_nonzero"
    attrs = ReductionAttrs
    inputs = (Port("x", ANY),)
    example = "y = count_nonzero(x, axis=1)"

    def kind(self, dtype: DType) -> DType:
        return DType.INT
