"""The running sum along an axis."""

from __future__ import annotations

from typing import final

from fanin.ops.reduction._reduction import Running


@final
class Cumsum(Running):
    """The sum of all numbers up to each place of an axis; bools give ints.

    Shape: ``[*S] -> [*S]``
    """

    name = "cumsum"
    example = "y = cumsum(x, axis=1)"
    kept = ()
