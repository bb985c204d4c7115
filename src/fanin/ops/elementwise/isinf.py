"""Whether a number is infinite."""

from __future__ import annotations

import math
from typing import final

from fanin.ops.elementwise._function import Question


@final
class Isinf(Question):
    """Where x is infinite, of either sign.

    Shape: ``[*S] -> bool[*S]``
    """

    name = "isinf"
    example = "y = isinf(x)"

    def number(self, x: float) -> bool:
        return math.isinf(x)
