"""Every product of two vectors' numbers."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType, promote
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, Complaint, NoAttrs, Op, Port, Result
from fanin.ops.keeping import Backprop, Kept, crosswise
from fanin.ops.ties import Letter, Ties


@final
class Outer(Op[NoAttrs]):
    """The matrix of all products of a number of x and one of y.

    Shape: ``[A], [B] -> [A, B]``
    """

    name = "outer"
    inputs = (Port("x", ANY), Port("y", ANY))
    example = "z = outer(x, y)"
    example_inputs = {"x": "[N]", "y": "[M]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        for port, t in (("x", x), ("y", y)):
            if t.rank != 1:
                raise Complaint(f"`outer` takes vectors, not {t}", port)
        return TensorType(promote(x.dtype, y.dtype), (x.shape[0], y.shape[0]))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.outer", Input(0), Input(1))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(crosswise(use))

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        i, j = Letter("i", types[0].shape[0]), Letter("j", types[1].shape[0])
        return Ties(((i,), (j,)), ((i, j),))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if 0.0 in values else None
