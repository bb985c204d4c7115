"""Rounding to the nearest."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.contract import REALS, Port
from fanin.ops.elementwise._function import StepFunction


@final
class Round(StepFunction):
    """The whole number nearest to x; halves go to the even one.

    Shape: ``[*S] -> [*S]``
    Its gradient is 0.
    """

    name = "round"
    inputs = (Port("x", REALS),)
    example = "y = round(x)"

    def number(self, x: Any) -> Any:
        return float(round(x)) if isinstance(x, float) else x
