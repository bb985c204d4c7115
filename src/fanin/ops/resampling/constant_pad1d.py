"""Padding of one spatial axis with a number."""

from __future__ import annotations

from typing import final

from fanin.ops.resampling._padding import ValuePad


@final
class ConstantPad1d(ValuePad):
    """Pads with ``value``.

    ``padding`` is one width for all sides, or ``(left, right)``.

    Shape: ``[*, L]``, each spatial axis longer by its widths
    """

    name = "ConstantPad1d"
    module = "ConstantPad1d"
    spatial = 1
    example = "y = x -> ConstantPad1d(1, 0.5)"
    example_inputs = {"x": "[N, 3, 8]"}
    kept = ()
