"""The cosine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Cos(FloatFunction):
    """``cos x`` of every number, in radians.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Signal: mean ``e^(-σ²/2) cos μ`` and second moment ``(1 + e^(-2σ²) cos 2μ) / 2`` for a normal x.
    """

    name = "cos"
    example = "y = cos(x)"

    def number(self, x: float) -> float:
        return math.cos(x)
