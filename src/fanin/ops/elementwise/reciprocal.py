"""One over x."""

from __future__ import annotations

from typing import final

from fanin.ops.elementwise._function import FloatFunction


@final
class Reciprocal(FloatFunction):
    """``1 / x`` of every number.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "reciprocal"
    example = "y = reciprocal(x)"
    kept = ("result",)

    def number(self, x: float) -> float:
        return 1 / x
