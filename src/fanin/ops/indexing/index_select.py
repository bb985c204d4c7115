"""Slices picked out along an axis."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import Span, whole
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, INTS, Inferred, Port, Result, normal_axis
from fanin.ops.indexing._places import AxisAttrs, Indexed, need_rank
from fanin.ops.sees import Sees, Use, same


@final
class IndexSelect(Indexed):
    """The slices of x along an axis that ``index`` names, in its order.

    Shape: ``x [N, D], index int[K] -> [N, K]`` for ``index_select(x, 1, index)``
    """

    name = "index_select"
    inputs = (Port("x", ANY), Port("index", INTS))
    order = ("x", "axis", "index")
    example = "y = index_select(x, 1, i)"
    example_inputs = {"x": "[N, 8]", "i": "int[3]"}
    kept = ("index",)

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, 1, "index", self.name)
        return Inferred((x.with_axis(axis, index.shape[0]),))

    def sees(self, a: AxisAttrs, use: Use) -> Sees:
        axis, index = a.axis % use.x.rank, use.types[1]
        assert index is not None
        box = list(same(use.out))
        box[axis] = Span((), 0, use.x.shape[axis] - 1)
        return Sees(((tuple(box),), ((whole(axis, index.shape[0]),),)))

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return method(Input(0), "index_select", a.axis, Input(1))

    def signal(self, a: AxisAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.picked import Picked

        return Picked(a.axis % types[0].rank)
