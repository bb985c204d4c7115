"""The inverse cosine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Acos(FloatFunction):
    """The angle in [0, π] whose cosine is x.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "acos"
    example = "y = acos(x)"

    def number(self, x: float) -> float:
        return math.acos(x)
