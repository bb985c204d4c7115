"""Eigenvalues and eigenvectors of symmetric matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Inferred, NoAttrs, Port, Result
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Eigh(OfSquare):
    """The eigenvalues of each symmetric matrix, the smallest first, and its eigenvectors, as columns.

    Shape: ``[*, D, D] -> eigenvalues [*, D], eigenvectors [*, D, D]``
    Of a matrix that is not symmetric only the lower triangle is read. Equal eigenvalues have no gradient.
    """

    name = "eigh"
    inputs = (Port("x", (DType.FLOAT,)),)
    spectral = True
    results = ("eigenvalues", "eigenvectors")
    example = "eigenvalues, eigenvectors = eigh(x)"
    kept = ("eigenvalues", "eigenvectors")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        needs = need_square(x, self.name)
        return Inferred((x.with_shape(*x.shape[:-1]), x), needs)
