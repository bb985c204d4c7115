"""Rounding down."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ops.contract import REALS, Port
from fanin.ops.elementwise._function import StepFunction


@final
class Floor(StepFunction):
    """The largest whole number that is not above x.

    Shape: ``[*S] -> [*S]``
    Its gradient is 0.
    """

    name = "floor"
    inputs = (Port("x", REALS),)
    example = "y = floor(x)"

    def number(self, x: Any) -> Any:
        return float(math.floor(x)) if isinstance(x, float) else x
