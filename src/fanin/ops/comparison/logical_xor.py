"""One of two."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.contract import BOOLS, Port
from fanin.ops.elementwise.binary import Comparison


@final
class LogicalXor(Comparison):
    """Where one of two bool tensors holds, and the other does not, broadcast.

    Shape: ``bool[*S], bool[*S] -> bool[*S]``
    """

    name = "logical_xor"
    title = "logical_xor"
    sign = "^"
    inputs = (Port("x", BOOLS), Port("y", BOOLS))
    example = "z = logical_xor(x, y)"
    example_inputs = {"x": "bool[N, 8]", "y": "bool[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return DType.BOOL

    def number(self, x: Any, y: Any) -> Any:
        return bool(x) != bool(y)
