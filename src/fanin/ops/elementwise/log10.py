"""The logarithm to base ten."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Log10(FloatFunction):
    """``log₁₀ x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "log10"
    example = "y = log10(x)"

    def number(self, x: float) -> float:
        return math.log10(x)
