"""The rectifier with a slope on the left."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class LeakyReluAttrs(OpAttrs):
    negative_slope: float = 0.01


@final
class LeakyRelu(Activation[LeakyReluAttrs]):
    """``max(x, 0) + negative_slope · min(x, 0)`` of every number.

    Shape: ``[*S] -> [*S]``
    Signal: ``E[y²] = (1 + a²) / 2 · E[x²]`` for a symmetric x, with the slope a.
    Source: Maas et al. 2013; He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """

    name = "leaky_relu"
    module = "LeakyReLU"
    attrs = LeakyReluAttrs
    example = "y = x -> leaky_relu(0.2)"
    at_zero = 0.0

    def curve(self, a: LeakyReluAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x > 0, x, a.negative_slope * x)
