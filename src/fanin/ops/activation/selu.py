"""The self-normalising unit."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs


@final
class Selu(Activation[NoAttrs]):
    """``1.0507 x`` where x is positive, otherwise ``1.0507 · 1.6733 · (exp(x) - 1)``.

    Shape: ``[*S] -> [*S]``
    Signal: mean 0 and variance 1 are a stable fixed point, for independent normal x.
    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks", section 2.
    """

    name = "selu"
    module = "SELU"
    example = "y = x -> selu"
    at_zero = 0.0

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0.0)))
