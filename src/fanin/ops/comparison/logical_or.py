"""Either."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.elementwise.binary import Logical


@final
class LogicalOr(Logical):
    """``x or y`` of bool tensors, broadcast.

    Shape: ``bool[*S], bool[*S] -> bool[*S]``
    """

    name = "logical_or"
    title = "or"
    sign = "|"
    example = "z = x or y"
    example_inputs = {"x": "bool[N, 8]", "y": "bool[N, 8]"}

    def at_place(self, x: Any, y: Any) -> Any:
        if x is True or y is True:
            return True
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x or y
