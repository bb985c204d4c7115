"""Division, rounded down."""

from __future__ import annotations

from typing import final

from fanin.ops.elementwise.binary import FloorDivision


@final
class Floordiv(FloorDivision):
    """``x / y`` rounded down, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Its gradient is 0.
    """

    name = "floordiv"
    title = "//"
    example = "z = x // y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
