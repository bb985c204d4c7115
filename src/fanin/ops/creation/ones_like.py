"""Ones in the shape of another tensor."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Alike


@final
class OnesLike(Alike):
    """Ones of the shape and kind of x.

    Shape: ``[*S] -> [*S]``
    """

    name = "ones_like"
    fill = 1.0
    example = "y = ones_like(x)"
    filled = 1.0

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(1.0)
