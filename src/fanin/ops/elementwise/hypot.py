"""The length of a right triangle's long side."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, as_tensor, call
from fanin.ops.contract import ANY, Complaint, NoAttrs, Port
from fanin.ops.elementwise.binary import Binary, ordered_kind


@final
class Hypot(Binary):
    """``√(x² + y²)`` without overflow, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "hypot"
    title = "hypot"
    inputs = (Port("x", ANY, number=True), Port("y", ANY, number=True))
    example = "z = hypot(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y", "result")

    def kind(self, x: DType, y: DType) -> DType:
        kind = ordered_kind(x, y, self.title)
        if kind is not DType.FLOAT:
            raise Complaint("`hypot` takes floats, and neither side is", "x", kind="type", help="float(x)")
        return kind

    def number(self, x: Any, y: Any) -> Any:
        return math.hypot(x, y)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.hypot", as_tensor(0), as_tensor(1)), *types)
