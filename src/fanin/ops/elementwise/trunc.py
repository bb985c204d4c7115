"""Rounding towards zero."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ops.contract import REALS, Port
from fanin.ops.elementwise._function import StepFunction


@final
class Trunc(StepFunction):
    """x without what follows the point.

    Shape: ``[*S] -> [*S]``
    Its gradient is 0.
    """

    name = "trunc"
    inputs = (Port("x", REALS),)
    example = "y = trunc(x)"

    def number(self, x: Any) -> Any:
        return float(math.trunc(x)) if isinstance(x, float) else x
