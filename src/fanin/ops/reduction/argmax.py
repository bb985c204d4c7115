"""The place of the largest."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import REALS, Port
from fanin.ops.reduction._reduction import Choosing


@final
class Argmax(Choosing):
    """The place of the largest number along an axis; without one, its place in the flattened tensor.

    Shape: ``[N, D] -> int[N]``
    Of equal ones, any: PyTorch does not say which.
    """

    name = "argmax"
    tells_places = True
    inputs = (Port("x", REALS),)
    example = "y = argmax(x, axis=1)"
    kept = ()

    def kind(self, dtype: DType) -> DType:
        return DType.INT
