"""The inverse of the error function."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.elementwise._function import FloatFunction


@final
class Erfinv(FloatFunction):
    """The number whose ``erf`` is x, for every x in (-1, 1).

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "erfinv"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = erfinv(x)"

    def number(self, x: float) -> float:
        if not -1 < x < 1:
            raise ValueError
        return NormalDist().inv_cdf((x + 1) / 2) / sqrt(2)
