"""A piecewise sigmoid."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs


@final
class Hardsigmoid(Activation[NoAttrs]):
    """``relu6(x + 3) / 6`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Courbariaux et al. 2015; Howard et al. 2019, section 5.2.
    """

    name = "hardsigmoid"
    module = "Hardsigmoid"
    example = "y = x -> hardsigmoid"
    at_zero = 0.5

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return np.clip(x / 6 + 0.5, 0.0, 1.0)
