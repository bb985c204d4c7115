"""The order of numbers."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code
from fanin.ops.contract import Op, Port, Result, normal_axis
from fanin.ops.sees import Sees, Use
from fanin.ops.sorting._order import ORDERED, SortAttrs, ordered, sorting


@final
class Argsort(Op[SortAttrs]):
    """The places of the smallest number along an axis, the next smallest, and so on.

    Shape: ``[*S] -> int[*S]``
    """

    name = "argsort"
    attrs = SortAttrs
    inputs = (Port("x", ORDERED),)
    example = "y = argsort(x, axis=1)"
    kept = ()

    def infer(self, a: SortAttrs, *types: TensorType) -> Result:
        normal_axis(a.axis, types[0].rank)
        return types[0].with_dtype(DType.INT)

    def sees(self, a: SortAttrs, use: Use) -> Sees:
        return ordered(use, a.axis)[1]

    def torch(self, a: SortAttrs, *types: TensorType) -> Code:
        return sorting(self.name, a)
