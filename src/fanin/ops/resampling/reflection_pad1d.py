"""Padding of one spatial axis with a reflection."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import FLOATS, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ReflectionPad1d(PlainPad):
    """Pads with what is there, mirrored at the edge, which is not repeated.

    ``padding`` is one width for all sides, or ``(left, right)``; a width is less than its axis.

    Shape: ``[N, C, L]`` or ``[C, L]``, each spatial axis longer by its widths
    """

    name = "ReflectionPad1d"
    module = "ReflectionPad1d"
    inputs = (Port("x", FLOATS),)
    spatial = 1
    mode = "reflect"
    example = "y = x -> ReflectionPad1d(1)"
    example_inputs = {"x": "[N, 3, 8]"}
    kept = ("x",)
