"""Whether all hold."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import ANY, Port
from fanin.ops.reduction._reduction import Folding


@final
class All(Folding):
    """Whether every number along some axes is true, or not 0.

    Shape: ``[N, D] -> bool[N]``
    """

    name = "all"
    inputs = (Port("x", ANY),)
    example = "y = all(x, axis=1)"
    kept = ()

    def kind(self, dtype: DType) -> DType:
        return DType.BOOL
