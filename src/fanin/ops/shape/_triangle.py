"""One triangle of a matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from fanin.ir.numbers import OPEN, Known, combined, place, truth
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, same
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class TriangleAttrs(OpAttrs):
    diagonal: int = 0


class Triangle(Op[TriangleAttrs]):
    """Zeros on one side of a diagonal of the last two axes."""

    lower: ClassVar[bool]
    attrs = TriangleAttrs
    inputs = (Port("x", ANY),)

    def infer(self, a: TriangleAttrs, *types: TensorType) -> Result:
        if types[0].rank < 2:
            raise Complaint(f"`{self.name}` takes matrices, not {types[0]}", "x")
        return types[0]

    def torch(self, a: TriangleAttrs, *types: TensorType) -> Code:
        return method(Input(0), self.name, *((a.diagonal,) if a.diagonal else ()))

    def sees(self, a: TriangleAttrs, use: Use) -> Sees:
        return Sees(((same(use.x),),), own=(use.x.rank - 2, use.x.rank - 1))

    def known(self, a: TriangleAttrs, use: Use, *inputs: Known) -> Known:
        rows, columns = use.x.shape[-2:]
        right = place(use.x.rank - 1, columns) - place(use.x.rank - 2, rows) - a.diagonal
        kept = truth(right if self.name == "triu" else -right)
        return combined(lambda keep, x: 0 if keep is False else x if keep is True else OPEN, kept, inputs[0])

    def signal(self, a: TriangleAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.noise import Kept

        n, m = (int(k) for k in types[0].shape[-2:] if isinstance(k, int))
        below = sum(min(max(i + a.diagonal + (1 if self.lower else 0), 0), m) for i in range(n)) / max(n * m, 1)
        return Kept(below if self.lower else 1 - below)

    def couplings(self, a: TriangleAttrs, *types: TensorType) -> Ties:
        rank = types[0].rank
        return replace(
            tied(types[0]), fixed=tuple((f"{i}", "the diagonal runs along it") for i in (rank - 2, rank - 1))
        )
