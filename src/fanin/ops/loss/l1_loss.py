"""The absolute difference."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.contract import Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import Distance, LossAttrs, stretched


@final
class L1Loss(Distance[LossAttrs]):
    """``|x - target|``, its mean by default.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast, and the target may be a
    number
    """

    name = "l1_loss"
    attrs = LossAttrs
    likelihood = ("laplace",)
    example = "y = l1_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: LossAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)

    def saved(self, a: LossAttrs, use: Backprop) -> Kept | Unknown:
        reason = stretched(use)
        if reason is not None:
            return reason
        return Kept(more=(use.x,))  # the difference
