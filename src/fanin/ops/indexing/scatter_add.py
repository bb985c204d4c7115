"""Numbers added to chosen places."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import INTS, NUMBERS, Inferred, Op, Port, Result, need_equal, normal_axis
from fanin.ops.indexing._places import AxisAttrs, need_rank, need_within, same_kind


@final
class ScatterAdd(Op[AxisAttrs]):
    """x with each number of ``source`` added at its own place, but along the axis where ``index`` says.

    Shape: ``x [N, D], index int[N, K], source [N, K] -> [N, D]`` for ``scatter_add(x, 1, index, source)``
    The index may be smaller than x along the other axes.
    """

    name = "scatter_add"
    attrs = AxisAttrs
    inputs = (Port("x", NUMBERS), Port("index", INTS), Port("source", NUMBERS))
    order = ("x", "axis", "index", "source")
    example = "y = scatter_add(x, 1, i, s)"
    example_inputs = {"x": "[N, 8]", "i": "int[N, 3]", "s": "[N, 3]"}
    kept = ("index",)

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index, source = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, x.rank, "index", self.name)
        need_rank(source, x.rank, "source", self.name)
        same_kind(x, source, "source", self.name)
        needs = need_within(("index", index), ("x", x), self.name, axis)
        for i in range(x.rank):
            # PyTorch takes a larger source, but has no gradient for it.
            message = f"the index and the source of `scatter_add` disagree along axis {i}: {{left}} and {{right}}"
            needs += need_equal(index.shape[i], source.shape[i], message, ("index", i), ("source", i))
        return Inferred((x,), needs)

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return method(Input(0), "scatter_add", a.axis, Input(1), Input(2))
