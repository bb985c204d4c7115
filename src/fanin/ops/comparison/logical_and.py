"""Both."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.elementwise.binary import Logical


@final
class LogicalAnd(Logical):
    """``x and y`` of bool tensors, broadcast.

    Shape: ``bool[*S], bool[*S] -> bool[*S]``
    """

    name = "logical_and"
    title = "and"
    sign = "&"
    example = "z = x and y"
    example_inputs = {"x": "bool[N, 8]", "y": "bool[N, 8]"}

    def at_place(self, x: Any, y: Any) -> Any:
        if x is False or y is False:
            return False
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x and y
