"""The product along an axis."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import ANY, Port
from fanin.ops.reduction._reduction import Reduction, SingleAttrs, whole


@final
class Prod(Reduction[SingleAttrs]):
    """The product of all numbers along one axis, or of all there are; bools give ints.

    Shape: ``[N, D] -> [N]``
    """

    name = "prod"
    attrs = SingleAttrs
    inputs = (Port("x", ANY),)
    example = "y = prod(x, axis=1)"
    kept = ("x", "result")

    def kind(self, dtype: DType) -> DType:
        return whole(dtype)

    def torch(self, a: SingleAttrs, *types: TensorType) -> Code:
        if a.axis is not None:
            return method(Input(0), "prod", dim=a.axis, keepdim=unless(a.keepdim, False))
        product = method(Input(0), "prod")  # which keeps no axes
        return method(product, "reshape", *(1,) * types[0].rank) if a.keepdim and types[0].rank else product
