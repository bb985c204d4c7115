"""The hyperbolic tangent."""

from __future__ import annotations

from math import tanh
from typing import Any, final

from fanin.ops.activation._floats import ANY_X, FloatActivation
from fanin.ops.contract import NoAttrs


@final
class Tanh(FloatActivation):
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    Signal: close to the identity for small x, so gain 1; 5/3 keeps a normal x of variance 1.
    Source: LeCun et al. 1998, "Efficient BackProp", section 4.4.
    """

    name = "tanh"
    module = "Tanh"
    inputs = ANY_X
    function = "torch.tanh"
    example = "y = x -> tanh"
    kept = ("result",)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return tanh(numbers[0]) if isinstance(numbers[0], (int, float)) else None

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return np.tanh(x)
