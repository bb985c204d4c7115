"""How many are not 0."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Axes
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result
from fanin.ops.reduction._reduction import along, reduced
from fanin.record import record


@record
class CountNonzeroAttrs(OpAttrs):
    axis: Axes = None


@final
class CountNonzero(Op[CountNonzeroAttrs]):
    """How many numbers along some axes are true, or not 0.

    Shape: ``[N, D] -> int[N]``
    """

    name = "count_nonzero"
    attrs = CountNonzeroAttrs
    inputs = (Port("x", ANY),)
    example = "y = count_nonzero(x, axis=1)"
    kept = ()

    def infer(self, a: CountNonzeroAttrs, *types: TensorType) -> Result:
        return reduced(types[0], a.axis, False).with_dtype(DType.INT)

    def torch(self, a: CountNonzeroAttrs, *types: TensorType) -> Code:
        return method(Input(0), "count_nonzero", dim=along(a.axis, types[0]))
