"""The square root."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Sqrt(FloatFunction):
    """``√x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Not a number below 0, and a gradient without bound at 0.
    """

    name = "sqrt"
    example = "y = sqrt(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return math.sqrt(x)
