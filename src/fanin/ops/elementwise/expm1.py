"""The exponential less one."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Expm1(FloatFunction):
    """``eˣ - 1`` of every number, exact near 0.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "expm1"
    example = "y = expm1(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return math.expm1(x)
