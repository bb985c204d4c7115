"""Padding of two spatial axes with its edge."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import FLOATS, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ReplicationPad2d(PlainPad):
    """Pads with the edge, repeated.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom)``.

    Shape: ``[N, C, H, W]`` or ``[C, H, W]``, each spatial axis longer by its widths
    """

    name = "ReplicationPad2d"
    module = "ReplicationPad2d"
    inputs = (Port("x", FLOATS),)
    spatial = 2
    mode = "replicate"
    example = "y = x -> ReplicationPad2d(1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ("x",)
