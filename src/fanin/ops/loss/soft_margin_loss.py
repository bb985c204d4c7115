"""A smooth loss of signs."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Inferred, OpAttrs, Result
from fanin.ops.loss._loss import Distance, Reduction, check_target, need_within, reduced
from fanin.record import record


@record
class SoftMarginLossAttrs(OpAttrs):
    reduction: Reduction = "mean"


@final
class SoftMarginLoss(Distance[SoftMarginLossAttrs]):
    """``ln(1 + exp(-target · x))``, for targets of 1 and -1.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; the target stretches to x, and may be
    a number
    """

    name = "soft_margin_loss"
    attrs = SoftMarginLossAttrs
    constants = ("target",)
    likelihood = ("bernoulli",)
    example = "y = soft_margin_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: SoftMarginLossAttrs, *types: TensorType) -> Result:
        x, target = types
        check_target(self.name, target)
        needs = need_within("target", target, x) if target.rank else ()
        return Inferred((reduced(x, x.shape, a.reduction),), needs)
