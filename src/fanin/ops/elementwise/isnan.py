"""Whether a number is none."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import Question


@final
class Isnan(Question):
    """Where x is not a number.

    Shape: ``[*S] -> bool[*S]``
    """

    name = "isnan"
    example = "y = isnan(x)"

    def number(self, x: float) -> bool:
        return math.isnan(x)
