"""The k largest."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.facts import Compare
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Axis, Size
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import REALS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.sees import Sees, Use
from fanin.ops.sizes import at_least, need_sizes
from fanin.ops.sorting._order import ordered
from fanin.record import record


@record
class TopkAttrs(OpAttrs):
    k: Size
    axis: Axis = -1
    largest: bool = True
    sorted: bool = True


@final
class Topk(Op[TopkAttrs]):
    """The ``k`` largest numbers along an axis, the largest first, and their places; or the smallest.

    Shape: ``[N, D] -> values [N, k], indices int[N, k]``
    The gradient goes to the numbers that were chosen.
    """

    name = "topk"
    attrs = TopkAttrs
    inputs = (Port("x", REALS),)
    results = ("values", "indices")
    example = "values, indices = topk(x, 2)"
    kept = ("indices",)

    def infer(self, a: TopkAttrs, *types: TensorType) -> Result:
        x = types[0]
        if not x.rank:
            raise Complaint("a scalar has no axis to choose along", "x")
        axis = normal_axis(a.axis, x.rank)
        needs = need_sizes(a.k)
        if not at_least(x.shape[axis] - a.k, 0):
            message = "the {left} largest cannot be chosen from {right}"
            needs += (Need(Compare("<=", a.k, x.shape[axis]), message, (("x", axis),), "too-small"),)
        values = x.with_axis(axis, a.k)
        return Inferred((values, values.with_dtype(DType.INT)), needs)

    def sees(self, a: TopkAttrs, use: Use) -> tuple[Sees, Sees]:
        return ordered(use, a.axis)

    def torch(self, a: TopkAttrs, *types: TensorType) -> Code:
        return method(
            Input(0),
            "topk",
            a.k,
            dim=unless(a.axis, -1),
            largest=unless(a.largest, True),
            sorted=unless(a.sorted, True),
        )

    def signal(self, a: TopkAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.reduce import Top

        assert isinstance(a.k, int)
        return Top(a.axis % types[0].rank, a.k, smallest=not a.largest)
