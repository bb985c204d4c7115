"""The logarithm of one more."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Log1p(FloatFunction):
    """``ln(1 + x)`` of every number, exact near 0.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "log1p"
    example = "y = log1p(x)"

    def number(self, x: float) -> float:
        return math.log1p(x)
