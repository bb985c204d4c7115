"""The normalised sinc."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Sinc(FloatFunction):
    """``sin(πx) / (πx)`` of every number, and 1 at 0.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "sinc"
    example = "y = sinc(x)"

    def number(self, x: float) -> float:
        return math.sin(math.pi * x) / (math.pi * x) if x else 1.0
