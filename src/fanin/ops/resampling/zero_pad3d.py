"""Padding of three spatial axes with zeros."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ZeroPad3d(PlainPad):
    """Pads with zeros.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom, front, back)``.

    Shape: ``[*, D, H, W]``, each spatial axis longer by its widths
    """

    name = "ZeroPad3d"
    module = "ZeroPad3d"
    inputs = (Port("x", ANY),)
    spatial = 3
    mode = "constant"
    example = "y = x -> ZeroPad3d(1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
    kept = ()
