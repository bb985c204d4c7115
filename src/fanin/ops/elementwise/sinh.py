"""The hyperbolic sine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Sinh(FloatFunction):
    """``(eˣ - e⁻ˣ) / 2`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "sinh"
    example = "y = sinh(x)"

    def number(self, x: float) -> float:
        return math.sinh(x)
