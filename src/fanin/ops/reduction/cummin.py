"""The smallest so far."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import Inferred, Op, Port, Result, normal_axis
from fanin.ops.reduction._reduction import AlongAttrs


@final
class Cummin(Op[AlongAttrs]):
    """The smallest number up to each place of an axis, and where it stands.

    Shape: ``[*S] -> values [*S], indices int[*S]``
    """

    name = "cummin"
    attrs = AlongAttrs
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    results = ("values", "indices")
    example = "values, indices = cummin(x, axis=1)"
    kept = ("x", "indices")

    def infer(self, a: AlongAttrs, *types: TensorType) -> Result:
        x = types[0]
        normal_axis(a.axis, x.rank)
        return Inferred((x, x.with_dtype(DType.INT)))

    def torch(self, a: AlongAttrs, *types: TensorType) -> Code:
        return method(Input(0), "cummin", dim=a.axis)
