"""Padding of two spatial axes with zeros."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ZeroPad2d(PlainPad):
    """Pads with zeros.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom)``.

    Shape: ``[*, H, W]``, each spatial axis longer by its widths
    """

    name = "ZeroPad2d"
    module = "ZeroPad2d"
    inputs = (Port("x", ANY),)
    spatial = 2
    mode = "constant"
    example = "y = x -> ZeroPad2d(1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()
