"""Both."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.contract import BOOLS, Complaint, Port
from fanin.ops.elementwise.binary import Comparison


@final
class LogicalAnd(Comparison):
    """``x and y`` of bool tensors, broadcast.

    Shape: ``bool[*S], bool[*S] -> bool[*S]``
    """

    name = "logical_and"
    title = "and"
    sign = "&"
    inputs = (Port("x", BOOLS, number=True), Port("y", BOOLS, number=True))
    example = "z = x and y"
    example_inputs = {"x": "bool[N, 8]", "y": "bool[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        for port, dtype in (("x", x), ("y", y)):
            if dtype is not DType.BOOL:  # a number
                raise Complaint(f"`{self.title}` takes true and false, not a number", port, kind="type")
        return DType.BOOL

    def at_place(self, x: Any, y: Any) -> Any:
        if x is False or y is False:
            return False
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x and y
