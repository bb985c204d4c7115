"""A matrix with a diagonal, or the diagonal of one."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, Complaint, Op, Port, Result
from fanin.ops.shape._diagonals import diagonal_length
from fanin.ops.shape._triangle import TriangleAttrs


@final
class Diag(Op[TriangleAttrs]):
    """Of a vector the matrix with it on a diagonal; of a matrix its diagonal.

    Shape: ``[D] -> [D, D]``, and ``[D, D] -> [D]``
    """

    name = "diag"
    attrs = TriangleAttrs
    inputs = (Port("x", ANY),)
    example = "y = diag(x)"
    example_inputs = {"x": "[8]"}
    kept = ()

    def infer(self, a: TriangleAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank == 1:
            side = x.shape[0] + abs(a.diagonal)
            return x.with_shape(side, side)
        if x.rank != 2:
            raise Complaint(f"`diag` takes a vector or a matrix, not {x}", "x", help="diagonal(x)")
        rows, columns = x.shape
        return x.with_shape(diagonal_length(rows, columns, a.diagonal))

    def torch(self, a: TriangleAttrs, *types: TensorType) -> Code:
        return call("torch.diag", Input(0), *((a.diagonal,) if a.diagonal else ()))
