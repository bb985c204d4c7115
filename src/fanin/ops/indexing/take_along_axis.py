"""Numbers picked out along an axis, with broadcasting."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, INTS, Inferred, Port, Result, normal_axis
from fanin.ops.indexing._places import AxisAttrs, Indexed, need_rank
from fanin.ops.keeping import Backprop, Kept


@final
class TakeAlongAxis(Indexed):
    """For each place of ``index`` the number of x at the same place, but along the axis where the index says.

    Shape: ``x [N, D], index int[N, K] -> [N, K]`` for ``take_along_axis(x, index, 1)``
    The two broadcast along the other axes.
    """

    name = "take_along_axis"
    inputs = (Port("x", ANY), Port("index", INTS))
    example = "y = take_along_axis(x, i, 1)"
    example_inputs = {"x": "[N, 8]", "i": "int[N, 3]"}

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, x.rank, "index", self.name)
        others = ("x", x.with_axis(axis, 1)), ("index", index.with_axis(axis, 1))
        shape, needs = broadcast(*others, what="x and its index")
        return Inferred((x.with_shape(*shape).with_axis(axis, index.shape[axis]),), needs)

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return call("torch.take_along_dim", Input(0), Input(1), dim=a.axis)

    def saved(self, a: AxisAttrs, use: Backprop) -> Kept:
        return Kept((0,), more=(use.results[0].with_dtype(DType.INT),))  # its index, stretched
