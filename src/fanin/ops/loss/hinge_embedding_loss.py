"""A loss of distances, of pairs that belong together or not."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.contract import OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import Distance, Reduction, stretched
from fanin.record import record


@record
class HingeEmbeddingLossAttrs(OpAttrs):
    margin: float = 1.0
    reduction: Reduction = "mean"


@final
class HingeEmbeddingLoss(Distance[HingeEmbeddingLossAttrs]):
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast, and the target may be a
    number
    """

    name = "hinge_embedding_loss"
    attrs = HingeEmbeddingLossAttrs
    example = "y = hinge_embedding_loss(x, target)"
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: HingeEmbeddingLossAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)

    def saved(self, a: HingeEmbeddingLossAttrs, use: Backprop) -> Kept | Unknown:
        reason = stretched(use)
        if reason is not None:
            return reason
        return Kept(more=(use.x, use.x.with_dtype(DType.BOOL), use.x.with_dtype(DType.BOOL)))
