"""Padding of one spatial axis with its other end."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class CircularPad1d(PlainPad):
    """Pads with what is at the other end, as on a ring.

    ``padding`` is one width for all sides, or ``(left, right)``; a width is at most its axis.

    Shape: ``[N, C, L]`` or ``[C, L]``, each spatial axis longer by its widths
    """

    name = "CircularPad1d"
    module = "CircularPad1d"
    inputs = (Port("x", ANY),)
    spatial = 1
    mode = "circular"
    example = "y = x -> CircularPad1d(1)"
    example_inputs = {"x": "[N, 3, 8]"}
    kept = ()
