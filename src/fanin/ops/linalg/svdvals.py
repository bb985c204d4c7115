"""The singular values of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import minimum
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import Complaint, NoAttrs, Op, Port, Result
from fanin.ops.keeping import Backprop, Kept, numbers


@final
class Svdvals(Op[NoAttrs]):
    """The singular values of each matrix, the largest first.

    Shape: ``[*, A, B] -> [*, min(A, B)]``
    """

    name = "svdvals"
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = svdvals(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 2:
            raise Complaint(f"`svdvals` takes matrices, not {x}", "x")
        return x.with_shape(*x.shape[:-2], minimum(x.shape[-2], x.shape[-1]))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.linalg.svdvals", Input(0))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        *batch, rows, columns = use.x.shape
        least = use.results[0].shape[-1]
        return Kept(results=(0,), more=(numbers(*batch, rows, least), numbers(*batch, least, columns)))
