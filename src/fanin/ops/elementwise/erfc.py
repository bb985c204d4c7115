"""The complementary error function."""

from __future__ import annotations

import math
from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import FloatFunction


@final
class Erfc(FloatFunction):
    """``1 - erf(x)`` of every number, exact far out.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "erfc"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = erfc(x)"

    def number(self, x: float) -> float:
        return math.erfc(x)
