"""One triangle of a matrix."""

from __future__ import annotations

from dataclasses import replace

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.ties import Ties, same
from fanin.record import record


@record
class TriangleAttrs(OpAttrs):
    diagonal: int = 0


class Triangle(Op[TriangleAttrs]):
    """Zeros on one side of a diagonal of the last two axes."""

    attrs = TriangleAttrs
    inputs = (Port("x", ANY),)

    def infer(self, a: TriangleAttrs, *types: TensorType) -> Result:
        if types[0].rank < 2:
            raise Complaint(f"`{self.name}` takes matrices, not {types[0]}", "x")
        return types[0]

    def torch(self, a: TriangleAttrs, *types: TensorType) -> Code:
        return method(Input(0), self.name, *((a.diagonal,) if a.diagonal else ()))

    def couplings(self, a: TriangleAttrs, *types: TensorType) -> Ties:
        rank = types[0].rank
        return replace(
            same(types[0]), fixed=tuple((f"{i}", "the diagonal runs along it") for i in (rank - 2, rank - 1))
        )
