"""The sigmoid-weighted unit, or swish."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs


@final
class Silu(Activation[NoAttrs]):
    """``x · sigmoid(x)`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Hendrycks and Gimpel 2016; Elfwing et al. 2017; Ramachandran et al. 2017 (as swish).
    """

    name = "silu"
    module = "SiLU"
    example = "y = x -> silu"
    at_zero = 0.0

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return x / (1 + np.exp(-x))
