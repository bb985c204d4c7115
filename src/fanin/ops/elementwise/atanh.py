"""The inverse hyperbolic tangent."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Atanh(FloatFunction):
    """The number whose hyperbolic tangent is x; none outside [-1, 1].

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "atanh"
    example = "y = atanh(x)"

    def number(self, x: float) -> float:
        return math.atanh(x)
