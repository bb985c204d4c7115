"""The hyperbolic cosine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Cosh(FloatFunction):
    """``(eˣ + e⁻ˣ) / 2`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "cosh"
    example = "y = cosh(x)"

    def number(self, x: float) -> float:
        return math.cosh(x)
