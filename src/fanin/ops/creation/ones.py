"""A tensor of ones."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Shaped


@final
class Ones(Shaped):
    """Ones of a shape, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "ones"
    fill = 1.0
    example = "y = ones(2, 3)"
    filled = 1.0

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(1.0)
