"""What follows the point."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import StepFunction


@final
class Frac(StepFunction):
    """x less ``trunc(x)``, with the sign of x.

    Shape: ``[*S] -> [*S]``
    Its gradient is 1.
    """

    name = "frac"
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = frac(x)"
    differentiable = True

    def number(self, x: Any) -> Any:
        return math.fmod(x, 1.0)
