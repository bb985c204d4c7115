"""Padding of one spatial axis with zeros."""

from __future__ import annotations

from typing import final

from fanin.ops.contract import ANY, Port
from fanin.ops.resampling._padding import PlainPad


@final
class ZeroPad1d(PlainPad):
    """Pads with zeros.

    ``padding`` is one width for all sides, or ``(left, right)``.

    Shape: ``[*, L]``, each spatial axis longer by its widths
    """

    name = "ZeroPad1d"
    module = "ZeroPad1d"
    inputs = (Port("x", ANY),)
    spatial = 1
    mode = "constant"
    example = "y = x -> ZeroPad1d(1)"
    example_inputs = {"x": "[N, 3, 8]"}
    kept = ()
