"""The singular value decomposition of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import minimum
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import Complaint, Inferred, NoAttrs, Op, Port, Result


@final
class Svd(Op[NoAttrs]):
    """Each matrix as ``u @ diag(s) @ vh``, the largest singular value first, without the parts that zeros meet.

    Shape: ``[*, A, B] -> u [*, A, K], s [*, K], vh [*, K, B]`` with ``K = min(A, B)``
    The columns of u and the rows of vh have signs of their own; equal singular values have no gradient.
    """

    name = "svd"
    inputs = (Port("x", (DType.FLOAT,)),)
    results = ("u", "s", "vh")
    example = "u, s, vh = svd(x)"
    kept = ("u", "s", "vh")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 2:
            raise Complaint(f"`svd` takes matrices, not {x}", "x")
        rank = minimum(x.shape[-2], x.shape[-1])
        around = x.shape[:-2]
        return Inferred((x.with_last(rank), x.with_shape(*around, rank), x.with_shape(*around, rank, x.shape[-1])))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.linalg.svd", Input(0), full_matrices=False)
