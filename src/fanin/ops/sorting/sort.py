"""Numbers in order."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code
from fanin.ops.contract import Inferred, Op, Port, Result, normal_axis
from fanin.ops.sees import Sees, Use
from fanin.ops.sorting._order import ORDERED, SortAttrs, ordered, sorting


@final
class Sort(Op[SortAttrs]):
    """The numbers along an axis in order, the smallest first, and where each has come from.

    Shape: ``[*S] -> values [*S], indices int[*S]``
    """

    name = "sort"
    attrs = SortAttrs
    inputs = (Port("x", ORDERED),)
    results = ("values", "indices")
    example = "values, indices = sort(x)"
    kept = ("indices",)

    def infer(self, a: SortAttrs, *types: TensorType) -> Result:
        x = types[0]
        normal_axis(a.axis, x.rank)
        return Inferred((x, x.with_dtype(DType.INT)))

    def sees(self, a: SortAttrs, use: Use) -> tuple[Sees, Sees]:
        return ordered(use, a.axis)

    def torch(self, a: SortAttrs, *types: TensorType) -> Code:
        return sorting(self.name, a)

    def signal(self, a: SortAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.reduce import Top

        axis = a.axis % types[0].rank
        size = types[0].shape[axis]
        assert isinstance(size, int)
        return Top(axis, size)
