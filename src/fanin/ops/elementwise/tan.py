"""The tangent."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Tan(FloatFunction):
    """``tan x`` of every number, in radians.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "tan"
    example = "y = tan(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return math.tan(x)
