"""The absolute difference, rounded at 0."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.contract import OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import Distance, Reduction, stretched
from fanin.record import record


@record
class SmoothL1LossAttrs(OpAttrs):
    reduction: Reduction = "mean"
    beta: NonNegativeFloat = 1.0


@final
class SmoothL1Loss(Distance[SmoothL1LossAttrs]):
    """``(x - target)² / (2 beta)`` where the difference is below ``beta``, otherwise ``|x - target| - beta / 2``.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast, and the target may be a
    number
    Source: Girshick 2015, "Fast R-CNN", eq. 3.
    """

    name = "smooth_l1_loss"
    attrs = SmoothL1LossAttrs
    likelihood = ("gaussian", "laplace")
    example = "y = smooth_l1_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: SmoothL1LossAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)

    def saved(self, a: SmoothL1LossAttrs, use: Backprop) -> Kept | Unknown:
        if a.beta == 0:  # as the L1 loss
            return stretched(use) or Kept(more=(use.x,))
        return super().saved(a, use)
