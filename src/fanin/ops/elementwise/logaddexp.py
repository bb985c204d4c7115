"""The logarithm of a sum of exponentials."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ops.code import Code, as_tensor, call
from fanin.ops.contract import REALS, Complaint, NoAttrs, Port
from fanin.ops.elementwise.binary import Binary


@final
class Logaddexp(Binary):
    """``ln(eˣ + eʸ)`` without overflow, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "logaddexp"
    title = "logaddexp"
    inputs = (Port("x", REALS, number=True), Port("y", REALS, number=True))
    example = "z = logaddexp(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        kind = promote(x, y)
        if kind is not DType.FLOAT:
            raise Complaint("`logaddexp` takes floats, and neither side is", "x", kind="type", help="float(x)")
        return kind

    def number(self, x: Any, y: Any) -> Any:
        return max(x, y) + math.log1p(math.exp(-abs(x - y)))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.logaddexp", as_tensor(0), as_tensor(1)), *types)
