"""The product along an axis."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.contract import ANY, Port
from fanin.ops.reduction._reduction import SingleAttrs, Folding, whole


@final
class Prod(Folding[SingleAttrs]):
    """The product of all numbers along one axis, or of all there are; bools give ints.

    Shape: ``[N, D] -> [N]``
    """

    name = "prod"
    attrs = SingleAttrs
    inputs = (Port("x", ANY),)
    example = "y = prod(x, axis=1)"

    def kind(self, dtype: DType) -> DType:
        return whole(dtype)
