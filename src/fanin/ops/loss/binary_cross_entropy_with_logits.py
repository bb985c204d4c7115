"""Cross entropy of logits of yes."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Port, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import TARGET, WEIGHT, Binary, LossAttrs, X, filled
from fanin.ops.ports import FLOAT


@final
class BinaryCrossEntropyWithLogits(Binary[LossAttrs]):
    """``-target · log σ(x) - (1 - target) · log(1 - σ(x))``, from logits and without overflow.

    ``pos_weight`` multiplies the first term: more than 1 asks for recall.

    Shape: ``x [*S], target [*S], weight [*S]?, pos_weight [*S]? -> []``, or ``[*S]`` with ``reduction="none"``; the
    target may be a number
    Signal: ``log 2`` for small logits.
    """

    name = "binary_cross_entropy_with_logits"
    attrs = LossAttrs
    inputs = (X, TARGET, WEIGHT, Port("pos_weight", FLOAT, optional=True))
    order = ("x", "target", "weight", "reduction", "pos_weight")
    constants = ("weight", "pos_weight")
    likelihood = ("bernoulli",)
    example = "y = binary_cross_entropy_with_logits(x, 1)"
    example_inputs = {"x": "[N]"}

    def infer(self, a: LossAttrs, *types: TensorType) -> Result:
        return self.binary(a, *types)

    def saved(self, a: LossAttrs, use: Backprop) -> Kept:
        return Kept(tuple(range(len(use.inputs))), more=filled(use))
