"""A piecewise swish."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs


@final
class Hardswish(Activation[NoAttrs]):
    """``x · relu6(x + 3) / 6`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """

    name = "hardswish"
    module = "Hardswish"
    example = "y = x -> hardswish"
    at_zero = 0.0

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return x * np.clip(x / 6 + 0.5, 0.0, 1.0)
