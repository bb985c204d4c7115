"""The inverse sine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Asin(FloatFunction):
    """The angle in [-π/2, π/2] whose sine is x.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "asin"
    example = "y = asin(x)"

    def number(self, x: float) -> float:
        return math.asin(x)
