"""The continuously differentiable exponential linear unit."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import Complaint, OpAttrs
from fanin.record import record


@record
class CeluAttrs(OpAttrs):
    alpha: float = 1.0


@final
class Celu(Activation[CeluAttrs]):
    """``max(x, 0) + min(0, alpha · (exp(x / alpha) - 1))``, smooth for every alpha.

    Shape: ``[*S] -> [*S]``
    Source: Barron 2017.
    """

    name = "celu"
    module = "CELU"
    attrs = CeluAttrs
    example = "y = x -> celu"
    at_zero = 0.0

    def check(self, a: CeluAttrs) -> None:
        if a.alpha == 0:
            raise Complaint("`celu` divides by `alpha`, which is 0", "alpha", kind="type")

    def curve(self, a: CeluAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x > 0, x, a.alpha * np.expm1(np.minimum(x, 0.0) / a.alpha))
