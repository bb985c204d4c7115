"""A tensor of zeros."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Shaped


@final
class Zeros(Shaped):
    """Zeros of a shape, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "zeros"
    fill = 0.0
    example = "y = zeros(2, 3)"
    filled = 0.0

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.0)
