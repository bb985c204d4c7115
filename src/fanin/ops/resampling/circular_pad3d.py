"""Padding of three spatial axes with its other end."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class CircularPad3d(PlainPad):
    """Pads with what is at the other end, as on a ring.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom, front, back)``; a width is at most its axis.

    Shape: ``[N, C, D, H, W]`` or ``[C, D, H, W]``, each spatial axis longer by its widths
    """

    name = "CircularPad3d"
    module = "CircularPad3d"
    inputs = (Port("x", ANY),)
    spatial = 3
    mode = "circular"
    example = "y = x -> CircularPad3d(1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
    kept = ()
