"""The exponential linear unit."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class EluAttrs(OpAttrs):
    alpha: float = 1.0


@final
class Elu(Activation[EluAttrs]):
    """``x`` where x is positive, otherwise ``alpha · (exp(x) - 1)``.

    Shape: ``[*S] -> [*S]``
    Source: Clevert et al. 2015.
    """

    name = "elu"
    module = "ELU"
    attrs = EluAttrs
    example = "y = x -> elu"
    at_zero = 0.0

    def curve(self, a: EluAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x > 0, x, a.alpha * np.expm1(np.minimum(x, 0.0)))
