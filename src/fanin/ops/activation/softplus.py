"""The smooth rectifier."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class SoftplusAttrs(OpAttrs):
    beta: float = 1.0
    threshold: float = 20.0


@final
class Softplus(Activation[SoftplusAttrs]):
    """``log(1 + exp(beta · x)) / beta``, and x itself where ``beta · x`` is above ``threshold``.

    Shape: ``[*S] -> [*S]``
    Source: Dugas et al. 2000.
    """

    name = "softplus"
    module = "Softplus"
    attrs = SoftplusAttrs
    example = "y = x -> softplus"
    places = 2

    def curve(self, a: SoftplusAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x * a.beta > a.threshold, x, np.logaddexp(0.0, a.beta * x) / a.beta)
