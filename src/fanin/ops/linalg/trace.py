"""The trace of a matrix."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import NUMBERS, Complaint, NoAttrs, Op, Port, Result


@final
class Trace(Op[NoAttrs]):
    """The sum of the diagonal of a matrix.

    Shape: ``[A, B] -> []``
    """

    name = "trace"
    inputs = (Port("x", NUMBERS),)
    example = "y = trace(x)"
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank != 2:
            help = "sum(diagonal(x, axis1=-2, axis2=-1), axis=-1)"
            raise Complaint(f"`trace` takes a matrix, not {x}", "x", help=help)
        return x.with_shape()

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.trace", Input(0))
