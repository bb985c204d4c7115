"""The logarithmic derivative of the gamma function."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import NoAttrs, Pointwise, Port, Result
from fanin.ops.dtypes import own_float, to_float


@final
class Digamma(Pointwise[NoAttrs]):
    """``Γ'(x) / Γ(x)`` of every number; of tensors only.

    Shape: ``[*S] -> [*S]``; ints and bools give floats
    """

    name = "digamma"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = digamma(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(to_float(types[0].dtype))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return own_float(call("torch.digamma", Input(0)), *types)
