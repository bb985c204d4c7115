"""The logarithm to base two."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Log2(FloatFunction):
    """``log₂ x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "log2"
    example = "y = log2(x)"

    def number(self, x: float) -> float:
        return math.log2(x)
