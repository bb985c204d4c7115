"""The exponential."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Exp(FloatFunction):
    """``eˣ`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Signal: mean ``exp(μ + σ²/2)`` and variance ``(exp(σ²) - 1) · exp(2μ + σ²)`` for a normal x (the log-normal law).
    """

    name = "exp"
    example = "y = exp(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return math.exp(x)
