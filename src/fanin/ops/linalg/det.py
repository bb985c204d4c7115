"""The determinant of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.keeping import Backprop, Kept
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

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0,), (0,), (use.x, use.x.with_dtype(DType.INT).with_shape(*use.x.shape[:-1])))
