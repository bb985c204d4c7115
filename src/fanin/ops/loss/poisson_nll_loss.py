"""How unlikely counts are under Poisson laws."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveFloat
from fanin.ops.contract import OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import Distance, Reduction, stretched
from fanin.record import record


@record
class PoissonNllLossAttrs(OpAttrs):
    log_input: bool = True
    full: bool = False
    eps: PositiveFloat = 1e-8
    reduction: Reduction = "mean"


@final
class PoissonNllLoss(Distance[PoissonNllLossAttrs]):
    """``exp(x) - target · x``, or ``x - target · ln(x + eps)`` where x is no logarithm; ``full`` adds Stirling's term.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast, and the target may be a
    number
    """

    name = "poisson_nll_loss"
    attrs = PoissonNllLossAttrs
    likelihood = ("poisson",)
    example = "y = poisson_nll_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: PoissonNllLossAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)

    def saved(self, a: PoissonNllLossAttrs, use: Backprop) -> Kept | Unknown:
        reason = stretched(use)
        if reason is not None:
            return reason
        if not a.log_input or a.full:
            return Unknown("nothing is said of what is kept with these settings")
        return Kept((0, 1), more=(use.x,))
