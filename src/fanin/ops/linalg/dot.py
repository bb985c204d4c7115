"""The inner product of two vectors."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result, need_equal
from fanin.ops.keeping import Backprop, Kept, crosswise


@final
class Dot(Op[NoAttrs]):
    """The sum of the products of the numbers of two vectors.

    Shape: ``[A], [A] -> []``
    """

    name = "dot"
    inputs = (Port("x", FLOATS), Port("y", FLOATS))
    example = "z = dot(x, y)"
    example_inputs = {"x": "[N]", "y": "[N]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        for port, t in (("x", x), ("y", y)):
            if t.rank != 1:
                raise Complaint(f"`dot` takes vectors, not {t}", port)
        if x.dtype is not y.dtype:
            raise Complaint(f"`dot` takes two of a kind, not {x.dtype} and {y.dtype} numbers", "y", kind="type")
        message = "the two vectors of this `dot` disagree: {left} and {right} numbers"
        needs = need_equal(x.shape[0], y.shape[0], message, ("x", 0), ("y", 0))
        return Inferred((x.with_shape(),), needs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.dot", Input(0), Input(1))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(crosswise(use))
