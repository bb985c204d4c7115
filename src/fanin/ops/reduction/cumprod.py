"""The running product along an axis."""

from __future__ import annotations

from typing import final

from fanin.ops.reduction._reduction import Running


@final
class Cumprod(Running):
    """The product of all numbers up to each place of an axis; bools give ints.

    Shape: ``[*S] -> [*S]``
    """

    name = "cumprod"
    example = "y = cumprod(x, axis=1)"
    kept = ("x", "result")
