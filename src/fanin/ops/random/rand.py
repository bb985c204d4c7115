"""Numbers between 0 and 1."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Shaped


@final
class Rand(Shaped):
    """Independent numbers, uniform on [0, 1).

    Shape: ``-> [*shape]``
    Signal: mean 1/2, second moment 1/3.
    """

    name = "rand"
    example = "y = rand(2, 3)"
    keeps = False

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.5, 1 / 12)
