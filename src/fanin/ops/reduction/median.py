"""The number in the middle."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Attribute, Code, Input, method, unless
from fanin.ops.contract import Port
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.reduction._reduction import Choosing, SingleAttrs


@final
class Median(Choosing):
    """The number in the middle along an axis, or of all; the lower of two. Its gradient goes to that number.

    Shape: ``[N, D] -> [N]``
    """

    name = "median"
    inputs = (Port("x", (DType.INT, DType.FLOAT)),)
    example = "y = median(x, axis=1)"

    def kind(self, dtype: DType) -> DType:
        return dtype

    def torch(self, a: SingleAttrs, *types: TensorType) -> Code:
        if a.axis is None and not a.keepdim:
            return method(Input(0), "median")
        if a.axis is not None:
            return Attribute(method(Input(0), "median", dim=a.axis, keepdim=unless(a.keepdim, False)), "values")
        return method(method(Input(0), "median"), "reshape", *(1 for _ in range(types[0].rank)))

    def saved(self, a: SingleAttrs, use: Backprop) -> Kept:
        if a.axis is None:
            return Kept((0,), (0,))
        return Kept(more=(use.results[0].with_dtype(DType.INT),))

    def masked(self, a: Any, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
