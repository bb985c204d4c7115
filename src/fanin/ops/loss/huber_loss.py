"""Huber's loss."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveFloat
from fanin.ops.contract import OpAttrs, Result
from fanin.ops.loss._loss import Distance, Reduction
from fanin.record import record


@record
class HuberLossAttrs(OpAttrs):
    reduction: Reduction = "mean"
    delta: PositiveFloat = 1.0


@final
class HuberLoss(Distance[HuberLossAttrs]):
    """``(x - target)² / 2`` where the difference is below ``delta``, otherwise ``delta (|x - target| - delta / 2)``.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast, and the target may be a
    number
    Source: Huber 1964.
    """

    name = "huber_loss"
    attrs = HuberLossAttrs
    likelihood = ("gaussian", "laplace")
    example = "y = huber_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: HuberLossAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)
