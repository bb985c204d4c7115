"""Padding of three spatial axes with its edge."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import FLOATS, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ReplicationPad3d(PlainPad):
    """Pads with the edge, repeated.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom, front, back)``.

    Shape: ``[N, C, D, H, W]`` or ``[C, D, H, W]``, each spatial axis longer by its widths
    """

    name = "ReplicationPad3d"
    module = "ReplicationPad3d"
    inputs = (Port("x", FLOATS),)
    spatial = 3
    mode = "replicate"
    example = "y = x -> ReplicationPad3d(1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
    kept = ("x",)
