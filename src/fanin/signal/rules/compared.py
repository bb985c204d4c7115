"""Numbers that are compared: what comes out is true or false, 1 or 0."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.signal.rules.base import Cannot, Weights
from fanin.signal.rules.pointwise import Joint
from fanin.signal.state import Signal


class Compared(Joint):
    """``x < y`` and its like. No gradient comes back.

    How often it holds hangs on the tails of both sides, so that a law that is known by an approximation does not do.
    """

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        if any(x.approx and x.variance > 1e-9 * x.q for x in xs):
            raise Cannot("what it compares is known by an approximation alone")
        return super().forward(xs, w, shapes)
