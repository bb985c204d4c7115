"""One over the square root."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Rsqrt(FloatFunction):
    """``1 / √x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "rsqrt"
    example = "y = rsqrt(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return 1 / math.sqrt(x)
