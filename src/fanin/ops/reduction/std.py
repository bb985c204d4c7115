"""The standard deviation along axes."""

from __future__ import annotations

from typing import final

from fanin.ops.reduction._reduction import Spread


@final
class Std(Spread):
    """The root of ``var``.

    Shape: ``[N, D] -> [N]``
    ``correction`` is taken from the count: 1 for the estimate from a sample, 0 for the sample's own.
    """

    name = "std"
    example = "y = std(x, axis=1)"
    kept = ("x", "result")
