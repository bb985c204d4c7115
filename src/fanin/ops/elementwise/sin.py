"""The sine."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Sin(FloatFunction):
    """``sin x`` of every number, in radians.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Signal: mean ``e^(-σ²/2) sin μ`` and second moment ``(1 - e^(-2σ²) cos 2μ) / 2`` for a normal x.
    """

    name = "sin"
    example = "y = sin(x)"

    def number(self, x: float) -> float:
        return math.sin(x)
