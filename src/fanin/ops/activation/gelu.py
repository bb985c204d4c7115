"""The Gaussian error linear unit."""

from __future__ import annotations

from typing import Any, Literal, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class GeluAttrs(OpAttrs):
    approximate: Literal["none", "tanh"] = "none"


@final
class Gelu(Activation[GeluAttrs]):
    """``x · Φ(x)``, with the distribution function Φ of a standard normal; ``approximate="tanh"`` is GPT-2's form.

    Shape: ``[*S] -> [*S]``
    Source: Hendrycks and Gimpel 2016.
    """

    name = "gelu"
    module = "GELU"
    attrs = GeluAttrs
    places = 0
    example = 'y = x -> gelu(approximate="tanh")'
    at_zero = 0.0

    def curve(self, a: GeluAttrs, x: Any) -> Any:
        import math

        import numpy as np

        if a.approximate == "tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2)).astype(float))
