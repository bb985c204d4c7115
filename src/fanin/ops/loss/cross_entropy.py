"""Cross entropy of logits."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Probability
from fanin.ops.contract import REALS, Complaint, Inferred, OpAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.loss._loss import WEIGHT, Loss, Reduction, X, classified, need_classes, reduced
from fanin.ops.spelling import optional
from fanin.record import record


@record
class CrossEntropyAttrs(OpAttrs):
    ignore_index: int = -100
    reduction: Reduction = "mean"
    label_smoothing: Probability = 0.0


@final
class CrossEntropy(Loss[CrossEntropyAttrs]):
    """``-log softmax(x)[target]``, from logits: x is not to be softmaxed before.

    The target holds class indices, or with floats a probability for every class. Indices equal to ``ignore_index`` do
    not count; ``weight`` has a number for each class, by which the mean is weighted.

    Shape: ``x [N, C, *], target int[N, *] -> []``, or ``[N, *]`` with ``reduction="none"``; ``x [C], target int[] ->
    []``
    Signal: ``log C`` for small logits.
    Source: Bridle 1990; Szegedy et al. 2016, section 7 (label smoothing).
    """

    name = "cross_entropy"
    attrs = CrossEntropyAttrs
    inputs = (X, Port("target", REALS), WEIGHT)
    constants = ("weight",)
    likelihood = ("categorical",)
    example = "y = cross_entropy(x, target)"
    example_inputs = {"x": "[N, 10]", "target": "int[N]"}

    def infer(self, a: CrossEntropyAttrs, *types: TensorType) -> Result:
        x, target = types[:2]
        if target.dtype is DType.FLOAT and a.ignore_index >= 0:
            raise Complaint("`ignore_index` is for targets that are indices", "ignore_index", kind="type")
        axis, outer, needs = classified(self.name, x, target)
        return Inferred((reduced(x, outer, a.reduction),), needs + need_classes(optional(types, 2), x, axis))

    def saved(self, a: CrossEntropyAttrs, use: Backprop) -> Kept:
        target = use.inputs[1]
        smoothed = (numbers(*target.shape),) if a.label_smoothing and target is not None else ()
        return Kept(tuple(range(1, len(use.inputs))), more=(use.x, *smoothed))  # the logarithm of the softmax
