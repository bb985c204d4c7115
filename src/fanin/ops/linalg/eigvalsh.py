"""The eigenvalues of symmetric matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Inferred, NoAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Eigvalsh(OfSquare):
    """The eigenvalues of each symmetric matrix, the smallest first.

    Shape: ``[*, D, D] -> [*, D]``
    Of a matrix that is not symmetric only the lower triangle is read.
    """

    name = "eigvalsh"
    inputs = (Port("x", (DType.FLOAT,)),)
    spectral = True
    example = "y = eigvalsh(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return Inferred((x.with_shape(*x.shape[:-1]),), need_square(x, self.name))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(results=(0,), more=(use.x,))
