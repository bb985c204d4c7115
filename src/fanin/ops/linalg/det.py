"""The determinant of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Det(OfSquare):
    """The determinant of each matrix.

    Shape: ``[*, D, D] -> [*]``
    """

    name = "det"
    example = "y = det(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return Inferred((x.with_shape(*x.shape[:-2]),), need_square(x, self.name))
