"""The pseudo-inverse of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, NoAttrs, Op, Port, Result


@final
class Pinv(Op[NoAttrs]):
    """The matrix of least squares: ``pinv(a) @ b`` is the shortest x for which ``a @ x`` is nearest to b.

    Shape: ``[*, A, B] -> [*, B, A]``
    Source: Penrose 1955.
    """

    name = "pinv"
    inputs = (Port("x", FLOATS),)
    example = "y = pinv(x)"
    kept = ("x", "result")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 2:
            raise Complaint(f"`pinv` takes matrices, not {x}", "x")
        return x.with_shape(*x.shape[:-2], x.shape[-1], x.shape[-2])

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.linalg.pinv", Input(0))
