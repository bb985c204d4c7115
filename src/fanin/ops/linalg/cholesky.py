"""The Cholesky factor of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Cholesky(OfSquare):
    """The lower triangle L with ``x = L Lᵀ`` of each matrix, which has to be symmetric and positive definite.

    Shape: ``[*, D, D] -> [*, D, D]``
    """

    name = "cholesky"
    example = "y = cholesky(x)"
    kept = ("result",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return Inferred((x,), need_square(x, self.name))
