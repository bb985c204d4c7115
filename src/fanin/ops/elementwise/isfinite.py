"""Whether a number is finite."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import Question


@final
class Isfinite(Question):
    """Where x is neither infinite nor not a number.

    Shape: ``[*S] -> bool[*S]``
    """

    name = "isfinite"
    example = "y = isfinite(x)"

    def number(self, x: float) -> bool:
        return math.isfinite(x)
