"""The logarithm of the running sum of exponentials."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import Op, Port, Result, normal_axis
from fanin.ops.reduction._reduction import AlongAttrs


@final
class Logcumsumexp(Op[AlongAttrs]):
    """``ln Σ eˣ`` of all numbers up to each place of an axis, without overflow.

    Shape: ``[*S] -> [*S]``
    """

    name = "logcumsumexp"
    attrs = AlongAttrs
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = logcumsumexp(x, axis=1)"
    kept = ("x", "result")

    def infer(self, a: AlongAttrs, *types: TensorType) -> Result:
        normal_axis(a.axis, types[0].rank)
        return types[0]

    def torch(self, a: AlongAttrs, *types: TensorType) -> Code:
        return method(Input(0), "logcumsumexp", dim=a.axis)
