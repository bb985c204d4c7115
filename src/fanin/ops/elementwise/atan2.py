"""The angle of a point."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, as_tensor, call
from fanin.ops.contract import REALS, NoAttrs, Port
from fanin.ops.dtypes import to_float
from fanin.ops.elementwise.binary import Binary, ordered_kind


@final
class Atan2(Binary):
    """The angle in (-π, π] of the point with height x and width y, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "atan2"
    title = "atan2"
    inputs = (Port("x", REALS, number=True), Port("y", REALS, number=True))
    example = "z = atan2(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        return to_float(ordered_kind(x, y, self.title))

    def number(self, x: Any, y: Any) -> Any:
        return math.atan2(x, y)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.atan2", as_tensor(0), as_tensor(1)), *types)
