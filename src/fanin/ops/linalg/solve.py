"""Linear equations."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result, need_equal
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.linalg._square import need_square


@final
class Solve(Op[NoAttrs]):
    """The matrix z with ``x z = y`` for each square matrix of x, which has to have an inverse.

    Shape: ``x [*, D, D], y [*, D, K] -> [*, D, K]``
    A vector goes in as a matrix of one column.
    """

    name = "solve"
    inputs = (Port("x", FLOATS), Port("y", FLOATS))
    example = "z = solve(x, y)"
    example_inputs = {"x": "[N, 4, 4]", "y": "[N, 4, 2]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        needs = need_square(x, self.name)
        if y.rank < 2 or (y.rank == x.rank - 1):
            message = f"`solve` takes a matrix on the right, not {y}"
            raise Complaint(message, "y", kind="type", help="solve(x, unsqueeze(y, -1))")
        if x.dtype is not y.dtype:
            raise Complaint(f"`solve` takes two of a kind, not {x.dtype} and {y.dtype} numbers", "y", kind="type")
        message = "`solve` has {left} equations and {right} right sides"
        needs += need_equal(x.shape[-2], y.shape[-2], message, ("x", -2), ("y", -2))
        batches = x.with_shape(*x.shape[:-2]), y.with_shape(*y.shape[:-2])
        batch, more = broadcast(("x", batches[0]), ("y", batches[1]), what="the batches of this `solve`")
        return Inferred((y.with_shape(*batch, *y.shape[-2:]),), (*needs, *more))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.linalg.solve", Input(0), Input(1))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0,), (0,), (use.x, use.x.with_dtype(DType.INT).with_shape(*use.x.shape[:-1])))
