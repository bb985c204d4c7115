"""The inverse tangent."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Atan(FloatFunction):
    """The angle in (-π/2, π/2) whose tangent is x.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "atan"
    example = "y = atan(x)"

    def number(self, x: float) -> float:
        return math.atan(x)
