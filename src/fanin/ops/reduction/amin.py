"""The smallest along axes."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.reduction._reduction import Folding


@final
class Amin(Folding):
    """The smallest number along some axes, or of all there are.

    Shape: ``[N, D] -> [N]``
    The gradient is shared by equal ones.
    """

    name = "amin"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = amin(x, axis=1)"
    kept = ("x", "result")
    nonempty = True

    def kind(self, dtype: DType) -> DType:
        return dtype

    def masked(self, a: Any, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
