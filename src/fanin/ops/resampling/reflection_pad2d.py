"""Padding of two spatial axes with a reflection."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import FLOATS, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ReflectionPad2d(PlainPad):
    """Pads with what is there, mirrored at the edge, which is not repeated.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom)``; a width is less than its axis.

    Shape: ``[N, C, H, W]`` or ``[C, H, W]``, each spatial axis longer by its widths
    """

    name = "ReflectionPad2d"
    module = "ReflectionPad2d"
    inputs = (Port("x", FLOATS),)
    spatial = 2
    mode = "reflect"
    example = "y = x -> ReflectionPad2d(1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ("x",)
