"""The inverse hyperbolic sine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Asinh(FloatFunction):
    """The number whose hyperbolic sine is x.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "asinh"
    example = "y = asinh(x)"

    def number(self, x: float) -> float:
        return math.asinh(x)
