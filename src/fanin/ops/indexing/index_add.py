"""Slices added to chosen places."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import INTS, NUMBERS, Inferred, Need, Port, Result, need_equal, normal_axis
from fanin.ops.indexing._places import AxisAttrs, Indexed, need_rank, same_kind


@final
class IndexAdd(Indexed):
    """x with each slice of ``source`` along an axis added at the place that ``index`` names.

    Shape: ``x [N, D], index int[K], source [K, D] -> [N, D]`` for ``index_add(x, 0, index, source)``
    """

    name = "index_add"
    inputs = (Port("x", NUMBERS), Port("index", INTS), Port("source", NUMBERS))
    order = ("x", "axis", "index", "source")
    example = "y = index_add(x, 1, i, s)"
    example_inputs = {"x": "[N, 8]", "i": "int[3]", "s": "[N, 3]"}
    kept = ("index", "source")

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index, source = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, 1, "index", self.name)
        need_rank(source, x.rank, "source", self.name)
        same_kind(x, source, "source", self.name)
        message = "`index_add` has {left} slices to add, and places for {right}"
        where = (("source", axis), ("index", 0))
        needs: tuple[Need, ...] = need_equal(source.shape[axis], index.shape[0], message, *where)
        for i in range(x.rank):
            if i != axis:
                message = f"x and the source of `index_add` disagree along axis {i}: {{left}} and {{right}}"
                needs += need_equal(x.shape[i], source.shape[i], message, ("x", i), ("source", i))
        return Inferred((x,), needs)

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return method(Input(0), "index_add", a.axis, Input(1), Input(2))
