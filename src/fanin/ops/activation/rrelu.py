"""The rectifier with a random slope on the left."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import TRAINING, Call, Code, Input
from fanin.ops.contract import Complaint, Op, OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class RreluAttrs(OpAttrs):
    lower: float = 1 / 8
    upper: float = 1 / 3


@final
class Rrelu(Op[RreluAttrs]):
    """A leaky rectifier whose slope is drawn for every number in training, from ``lower`` to ``upper``, and their mean
    otherwise.

    Shape: ``[*S] -> [*S]``
    Source: Xu et al. 2015, "Empirical Evaluation of Rectified Activations in Convolution Network".
    """

    name = "rrelu"
    module = "RReLU"
    attrs = RreluAttrs
    inputs = X
    keeps = False
    example = "y = x -> rrelu"
    at_zero = 0.0

    def infer(self, a: RreluAttrs, *types: TensorType) -> Result:
        if a.lower > a.upper:
            raise Complaint(f"`upper` has to be at least the `lower` of {a.lower:g}", "upper", kind="type")
        return types[0]

    def construct(self, a: RreluAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 2)
        return Call("nn.RReLU", args, keywords)

    def torch(self, a: RreluAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 2)
        return Call("F.rrelu", (Input(0), *args), (*keywords, ("training", TRAINING)))

    def sees(self, a: RreluAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def saved(self, a: RreluAttrs, use: Backprop) -> Kept:
        return Kept((0,), more=(use.x,))

    def curve(self, a: RreluAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x > 0, x, (a.lower + a.upper) / 2 * x)
