"""A number times a logarithm."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ops.code import Code, Input, as_tensor, call
from fanin.ops.contract import REALS, NoAttrs, Port
from fanin.ops.dtypes import to_float
from fanin.ops.elementwise.binary import Binary


@final
class Xlogy(Binary):
    """``x ln y``, and 0 where x is 0, broadcast.

    Shape: ``[*S], [*S] -> [*S]``; ints give floats
    """

    name = "xlogy"
    title = "xlogy"
    inputs = (Port("x", REALS, number=True), Port("y", REALS, number=True))
    example = "z = xlogy(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        return to_float(promote(x, y))

    def number(self, x: Any, y: Any) -> Any:
        return x * math.log(y) if x else 0.0

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.xlogy", as_tensor(0), Input(1)), *types)
