"""Whether any holds."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import ANY, Port
from fanin.ops.reduction._reduction import Folding


@final
class AnyOf(Folding):
    """Whether some number along some axes is true, or not 0.

    Shape: ``[N, D] -> bool[N]``
    """

    name = "any"
    inputs = (Port("x", ANY),)
    example = "y = any(x, axis=1)"
    kept = ()

    def kind(self, dtype: DType) -> DType:
        return DType.BOOL
