"""Numbers of the standard normal law."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.creation._shaped import Shaped


@final
class Randn(Shaped):
    """Independent numbers of mean 0 and variance 1, normal.

    Shape: ``-> [*shape]``
    Signal: mean 0, second moment 1.
    """

    name = "randn"
    example = "y = randn(2, 3)"
    keeps = False

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.0, 1.0)
