"""Numbers picked out along an axis."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import Span
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, INTS, Inferred, Port, Result, normal_axis
from fanin.ops.indexing._places import AxisAttrs, Indexed, need_rank, need_within
from fanin.ops.sees import Sees, Use, same


@final
class Gather(Indexed):
    """For each place of ``index`` the number of x at the same place, but along the axis where the index says.

    Shape: ``x [N, D], index int[N, K] -> [N, K]`` for ``gather(x, 1, index)``
    The index may be smaller than x along the other axes, which do not broadcast.
    """

    name = "gather"
    inputs = (Port("x", ANY), Port("index", INTS))
    order = ("x", "axis", "index")
    example = "y = gather(x, 1, i)"
    example_inputs = {"x": "[N, 8]", "i": "int[N, 3]"}
    kept = ("x", "index")

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, x.rank, "index", self.name)
        needs = need_within(("index", index), ("x", x), self.name, axis)
        return Inferred((index.with_dtype(x.dtype),), needs)

    def sees(self, a: AxisAttrs, use: Use) -> Sees:
        axis = a.axis % use.x.rank
        box = list(same(use.out))
        box[axis] = Span((), 0, use.x.shape[axis] - 1)
        return Sees(((tuple(box),), (same(use.out),)))

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return method(Input(0), "gather", a.axis, Input(1))

    def signal(self, a: AxisAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.picked import Picked

        return Picked(a.axis % types[0].rank)
