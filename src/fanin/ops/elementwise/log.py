"""The natural logarithm."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Log(FloatFunction):
    """``ln x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Minus infinity at 0, and not a number below.
    """

    name = "log"
    example = "y = log(x)"

    def number(self, x: float) -> float:
        return math.log(x)
