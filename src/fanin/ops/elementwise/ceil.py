"""Rounding up."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ops.contract import REALS, Port
from fanin.ops.elementwise._function import StepFunction


@final
class Ceil(StepFunction):
    """The smallest whole number that is not below x.

    Shape: ``[*S] -> [*S]``
    Its gradient is 0.
    """

    name = "ceil"
    inputs = (Port("x", REALS),)
    example = "y = ceil(x)"

    def number(self, x: Any) -> Any:
        return float(math.ceil(x)) if isinstance(x, float) else x
