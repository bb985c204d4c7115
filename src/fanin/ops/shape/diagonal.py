"""The diagonal of two axes."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import PART, Lies
from fanin.ops.shape._diagonals import diagonal_length
from fanin.record import record


@record
class DiagonalAttrs(OpAttrs):
    offset: int = 0
    axis1: Axis = 0
    axis2: Axis = 1


@final
class Diagonal(Op[DiagonalAttrs]):
    """The numbers on a diagonal of two axes, along a new last one.

    Shape: ``[A, A, *] -> [*, A]``
    """

    name = "diagonal"
    attrs = DiagonalAttrs
    inputs = (Port("x", ANY),)
    example = "y = diagonal(x)"
    example_inputs = {"x": "[N, N]"}
    kept = ()

    def infer(self, a: DiagonalAttrs, *types: TensorType) -> Result:
        x = types[0]
        first, second = normal_axis(a.axis1, x.rank, "axis1"), normal_axis(a.axis2, x.rank, "axis2")
        if first == second:
            raise Complaint(f"a diagonal needs two axes, not axis {first} twice", "axis2")
        length = diagonal_length(x.shape[first], x.shape[second], a.offset)
        return x.with_shape(*(s for i, s in enumerate(x.shape) if i not in (first, second)), length)

    def torch(self, a: DiagonalAttrs, *types: TensorType) -> Code:
        return method(
            Input(0), "diagonal", offset=unless(a.offset, 0), dim1=unless(a.axis1, 0), dim2=unless(a.axis2, 1)
        )

    def lies(self, a: DiagonalAttrs, *types: TensorType) -> Lies:
        return PART
