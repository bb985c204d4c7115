"""The exponential of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.linalg._square import OfSquare, need_square


@final
class MatrixExp(OfSquare):
    """``Σ xᵏ / k!`` of each square matrix, in powers of the matrix.

    Shape: ``[*, D, D] -> [*, D, D]``
    """

    name = "matrix_exp"
    example = "y = matrix_exp(x)"
    kept = ("x",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return Inferred((types[0],), need_square(types[0], self.name))
