"""Padding of three spatial axes with a number."""

from __future__ import annotations

from typing import final

from fanin.ops.resampling._padding import ValuePad


@final
class ConstantPad3d(ValuePad):
    """Pads with ``value``.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom, front, back)``.

    Shape: ``[*, D, H, W]``, each spatial axis longer by its widths
    """

    name = "ConstantPad3d"
    module = "ConstantPad3d"
    spatial = 3
    example = "y = x -> ConstantPad3d(1, 0.5)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
    kept = ()
