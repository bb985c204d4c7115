"""Padding of two spatial axes with a number."""

from __future__ import annotations

from typing import final

from fanin.ops.resampling._padding import ValuePad


@final
class ConstantPad2d(ValuePad):
    """Pads with ``value``.

    ``padding`` is one width for all sides, or ``(left, right, top, bottom)``.

    Shape: ``[*, H, W]``, each spatial axis longer by its widths
    """

    name = "ConstantPad2d"
    module = "ConstantPad2d"
    spatial = 2
    example = "y = x -> ConstantPad2d(1, 0.5)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()
