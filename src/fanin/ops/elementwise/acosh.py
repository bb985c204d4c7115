"""The inverse hyperbolic cosine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Acosh(FloatFunction):
    """The number above 0 whose hyperbolic cosine is x; none for x below 1.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "acosh"
    example = "y = acosh(x)"

    def number(self, x: float) -> float:
        return math.acosh(x)
