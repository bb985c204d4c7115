"""Padding of one spatial axis with its edge."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import FLOATS, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ReplicationPad1d(PlainPad):
    """Pads with the edge, repeated.

    ``padding`` is one width for all sides, or ``(left, right)``.

    Shape: ``[N, C, L]`` or ``[C, L]``, each spatial axis longer by its widths
    """

    name = "ReplicationPad1d"
    module = "ReplicationPad1d"
    inputs = (Port("x", FLOATS),)
    spatial = 1
    mode = "replicate"
    example = "y = x -> ReplicationPad1d(1)"
    example_inputs = {"x": "[N, 3, 8]"}
    kept = ("x",)
