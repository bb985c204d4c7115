"""Padding of two spatial axes with its other end."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class CircularPad2d(PlainPad):
    """Pads with what is at the other end, as on a ring.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom)``; a width is at most its axis.

    Shape: ``[N, C, H, W]`` or ``[C, H, W]``, each spatial axis longer by its widths
    """

    name = "CircularPad2d"
    module = "CircularPad2d"
    inputs = (Port("x", ANY),)
    spatial = 2
    mode = "circular"
    example = "y = x -> CircularPad2d(1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()
