"""The largest along axes."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.reduction._reduction import Folding


@final
class Amax(Folding):
    """The largest number along some axes, or of all there are.

    Shape: ``[N, D] -> [N]``
    The gradient is shared by equal ones.
    """

    name = "amax"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = amax(x, axis=1)"
    nonempty = True

    def kind(self, dtype: DType) -> DType:
        return dtype
