"""The logarithm of the gamma function."""

from __future__ import annotations

import math
from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import FloatFunction


@final
class Lgamma(FloatFunction):
    """``ln |Γ(x)|`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "lgamma"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = lgamma(x)"

    def number(self, x: float) -> float:
        return math.lgamma(x)
