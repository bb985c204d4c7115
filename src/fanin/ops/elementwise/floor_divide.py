"""Division, rounded down."""

from __future__ import annotations

from typing import final

from fanin.ops.elementwise.binary import FloorDivision


@final
class FloorDivide(FloorDivision):
    """``x / y`` rounded down, broadcast; ``x // y``.

    Shape: ``[*S], [*S] -> [*S]``
    Its gradient is 0.
    """

    name = "floor_divide"
    title = "floor_divide"
    example = "z = floor_divide(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
