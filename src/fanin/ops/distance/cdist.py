"""The distance of every vector to every other."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.ports import FLOAT
from fanin.record import record


@record
class CdistAttrs(OpAttrs):
    p: NonNegativeFloat = 2.0


@final
class Cdist(Op[CdistAttrs]):
    """``(Σ |x - y|^p)^(1 / p)`` of each vector of x and each of y.

    Shape: ``x [*, A, D], y [*, B, D] -> [*, A, B]``, the leading axes broadcast
    """

    name = "cdist"
    attrs = CdistAttrs
    inputs = (Port("x", FLOAT), Port("y", FLOAT))
    example = "z = cdist(x, y)"
    example_inputs = {"x": "[N, 5, 8]", "y": "[N, 6, 8]"}
    kept = ("x", "y", "result")

    def infer(self, a: CdistAttrs, *types: TensorType) -> Result:
        x, y = types
        for port, t in (("x", x), ("y", y)):
            if t.rank < 2:
                raise Complaint(f"`cdist` takes vectors in a row, not {t}", port)
        needs = need_equal(x.shape[-1], y.shape[-1], "vectors of {left} and of {right} numbers", ("x", -1), ("y", -1))
        left, right = x.with_shape(*x.shape[:-2]), y.with_shape(*y.shape[:-2])
        around, more = broadcast(("x", left), ("y", right), what="the two rows of vectors")
        return Inferred((x.with_shape(*around, x.shape[-2], y.shape[-2]),), needs + more)

    def torch(self, a: CdistAttrs, *types: TensorType) -> Code:
        return call("torch.cdist", Input(0), Input(1), p=unless(a.p, 2.0))
