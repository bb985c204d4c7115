"""Matrices as orthogonal ones times triangular ones."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import minimum
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result


@final
class Qr(Op[NoAttrs]):
    """Each matrix as ``q @ r``: the columns of q are orthonormal, r is upper triangular.

    Shape: ``[*, A, B] -> q [*, A, min(A, B)], r [*, min(A, B), B]``
    """

    name = "qr"
    inputs = (Port("x", FLOATS),)
    results = ("q", "r")
    example = "q, r = qr(x)"
    kept = ("q", "r")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 2:
            raise Complaint(f"`qr` takes matrices, not {x}", "x")
        rank = minimum(x.shape[-2], x.shape[-1])
        return Inferred((x.with_last(rank), x.with_shape(*x.shape[:-2], rank, x.shape[-1])))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.linalg.qr", Input(0))
