"""The inverse of the logistic function."""

from __future__ import annotations

import math
from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import FloatFunction


@final
class Logit(FloatFunction):
    """``ln(x / (1 - x))`` of every number in (0, 1).

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "logit"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = logit(x)"

    def number(self, x: float) -> float:
        return math.log(x / (1 - x))
