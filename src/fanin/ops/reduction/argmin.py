"""The place of the smallest."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import REALS, Port
from fanin.ops.reduction._reduction import Choosing


@final
class Argmin(Choosing):
    """The place of the smallest number along an axis; without one, its place in the flattened tensor.

    Shape: ``[N, D] -> int[N]``
    Of equal ones, any: PyTorch does not say which.
    """

    name = "argmin"
    tells_places = True
    inputs = (Port("x", REALS),)
    example = "y = argmin(x, axis=1)"
    kept = ()

    def kind(self, dtype: DType) -> DType:
        return DType.INT
