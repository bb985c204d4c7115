"""Cross entropy of probabilities of yes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from fanin.ir.types import TensorType
from fanin.ops.contract import Complaint, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.loss._loss import TARGET, WEIGHT, Binary, LossAttrs, X, filled


@final
class BinaryCrossEntropy(Binary[LossAttrs]):
    """``-target · log(x) - (1 - target) · log(1 - x)``: x holds probabilities, between 0 and 1.

    With logits, ``binary_cross_entropy_with_logits`` is exact where this one underflows.

    Shape: ``x [*S], target [*S], weight [*S]? -> []``, or ``[*S]`` with ``reduction="none"``; the target may be a
    number
    """

    name = "binary_cross_entropy"
    attrs = LossAttrs
    inputs = (X, TARGET, WEIGHT)
    constants = ("weight",)
    likelihood = ("bernoulli",)
    example = "y = x -> sigmoid -> binary_cross_entropy(target)"
    example_inputs = {"x": "[N]", "target": "[N]"}

    def check_numbers(self, a: LossAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]) -> None:
        target = numbers[1]
        if target is not None and not 0 <= target <= 1:
            raise Complaint(f"the target is a probability, between 0 and 1, and not {target:g}", "target", kind="type")

    def infer(self, a: LossAttrs, *types: TensorType) -> Result:
        return self.binary(a, *types)

    def saved(self, a: LossAttrs, use: Backprop) -> Kept:
        return Kept(tuple(range(len(use.inputs))), more=filled(use))
