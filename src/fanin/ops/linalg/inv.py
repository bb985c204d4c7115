"""The inverse of matrices."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Inv(OfSquare):
    """The inverse of each matrix, which has to have one.

    Shape: ``[*, D, D] -> [*, D, D]``
    """

    name = "inv"
    example = "y = inv(x)"
    kept = ("result",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return Inferred((x,), need_square(x, self.name))
