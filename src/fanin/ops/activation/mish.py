"""Mish."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs


@final
class Mish(Activation[NoAttrs]):
    """``x · tanh(softplus(x))`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Misra 2019.
    """

    name = "mish"
    module = "Mish"
    example = "y = x -> mish"
    at_zero = 0.0

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return x * np.tanh(np.logaddexp(0.0, x))
