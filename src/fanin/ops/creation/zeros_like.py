"""Zeros in the shape of another tensor."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Alike


@final
class ZerosLike(Alike):
    """Zeros of the shape and kind of x.

    Shape: ``[*S] -> [*S]``
    """

    name = "zeros_like"
    fill = 0.0
    example = "y = zeros_like(x)"
    filled = 0.0

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.0)
