"""The sign."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import StepFunction


@final
class Sign(StepFunction):
    """-1, 0 or 1, as x is below, at or above 0.

    Shape: ``[*S] -> [*S]``
    Its gradient is 0.
    """

    name = "sign"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = sign(x)"

    def number(self, x: Any) -> Any:
        return type(x)((x > 0) - (x < 0))
