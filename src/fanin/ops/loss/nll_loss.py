"""Negative log likelihood."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import INTS, Inferred, OpAttrs, Port, Result
from fanin.ops.loss._loss import WEIGHT, Loss, Reduction, X, classified, need_classes, reduced
from fanin.ops.spelling import optional
from fanin.record import record


@record
class NllAttrs(OpAttrs):
    ignore_index: int = -100
    reduction: Reduction = "mean"


@final
class NllLoss(Loss[NllAttrs]):
    """``-x[target]``, from log probabilities such as ``log_softmax`` gives.

    Shape: ``x [N, C, *], target int[N, *] -> []``, or ``[N, *]`` with ``reduction="none"``; ``x [C], target int[] ->
    []``
    """

    name = "nll_loss"
    attrs = NllAttrs
    inputs = (X, Port("target", INTS), WEIGHT)
    constants = ("weight",)
    likelihood = ("categorical",)
    example = "y = x -> log_softmax(axis=1) -> nll_loss(target)"
    example_inputs = {"x": "[N, 10]", "target": "int[N]"}
    kept = ("x", "target", "weight")

    def infer(self, a: NllAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis, outer, needs = classified(self.name, x, types[1])
        return Inferred((reduced(x, outer, a.reduction),), needs + need_classes(optional(types, 2), x, axis))
