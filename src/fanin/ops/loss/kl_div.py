"""The Kullback-Leibler divergence."""

from __future__ import annotations

from typing import Literal, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.contract import OpAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import Distance, X, stretched
from fanin.ops.ports import FLOAT
from fanin.record import record


@record
class KlDivAttrs(OpAttrs):
    reduction: Literal["mean", "sum", "none", "batchmean"] = "mean"
    log_target: bool = False


@final
class KlDiv(Distance[KlDivAttrs]):
    """``target · (log(target) - x)``: x holds log probabilities, and so does the target with ``log_target``.

    The divergence is the sum over classes, so its mean over a batch is ``reduction="batchmean"``; "mean", the default
    as in PyTorch, divides by the number of classes as well.

    Shape: ``x [*S], target [*S] -> []``, or ``[*S]`` with ``reduction="none"``; broadcast
    Source: Kullback and Leibler 1951.
    """

    name = "kl_div"
    attrs = KlDivAttrs
    inputs = (X, Port("target", FLOAT))
    example = 'y = x -> log_softmax(axis=1) -> kl_div(target, reduction="batchmean")'
    example_inputs = {"x": "[N, 8]", "target": "[N, 8]"}

    def infer(self, a: KlDivAttrs, *types: TensorType) -> Result:
        return self.distance(a, *types)

    def saved(self, a: KlDivAttrs, use: Backprop) -> Kept | Unknown:
        reason = stretched(use)
        if reason is not None:
            return reason
        if a.log_target:
            return Unknown("nothing is said of what is kept with these settings")
        return Kept((0, 1))
