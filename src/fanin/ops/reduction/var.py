"""The variance along axes."""

from __future__ import annotations

from typing import final

from fanin.ops.reduction._reduction import Spread


@final
class Var(Spread):
    """The mean squared distance from the mean along some axes, or of all numbers.

    Shape: ``[N, D] -> [N]``
    ``correction`` is taken from the count: 1 for the estimate from a sample, 0 for the sample's own.
    """

    name = "var"
    example = "y = var(x, axis=1)"
    kept = ("x",)
