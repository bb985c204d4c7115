"""The error function."""

from __future__ import annotations

import math
from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import FloatFunction


@final
class Erf(FloatFunction):
    """``2/√π · ∫₀ˣ exp(-t²) dt`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    Signal: variance ``2/π · asin(2σ² / (1 + 2σ²))`` and mean 0 for a normal x of mean 0.
    Source: Williams 1997, "Computing with Infinite Networks", eq. 11.
    """

    name = "erf"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = erf(x)"

    def number(self, x: float) -> float:
        return math.erf(x)
