"""The power of two."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Exp2(FloatFunction):
    """``2ˣ`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "exp2"
    example = "y = exp2(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return math.pow(2.0, x)
