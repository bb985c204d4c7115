"""Draws from a categorical law that gradients go through."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import PositiveFloat
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Inferred, Op, OpAttrs, Port, Result, need_at_least, normal_axis
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, mixing
from fanin.record import record


@record
class GumbelSoftmaxAttrs(OpAttrs):
    tau: PositiveFloat = 1.0
    hard: bool = False
    axis: int = -1


@final
class GumbelSoftmax(Op[GumbelSoftmaxAttrs]):
    """``softmax((x + g) / tau)`` with Gumbel noise g. With ``hard``, ones and zeros that have the gradient of these.

    Shape: ``[*S] -> [*S]``
    Source: Jang et al. 2016; Maddison et al. 2016.
    """

    name = "gumbel_softmax"
    attrs = GumbelSoftmaxAttrs
    inputs = (Port("x", FLOAT),)
    example = "y = gumbel_softmax(x, tau=0.5, hard=true)"
    keeps = False

    def infer(self, a: GumbelSoftmaxAttrs, *types: TensorType) -> Result:
        axis = normal_axis(a.axis, types[0].rank)
        message = "`gumbel_softmax` takes the largest along an axis, and this one is empty"
        needs = need_at_least(types[0].shape[axis], 1, message, ("x", axis)) if a.hard else ()
        return Inferred((types[0],), needs)

    def torch(self, a: GumbelSoftmaxAttrs, *types: TensorType) -> Code:
        return call(
            "F.gumbel_softmax", Input(0), tau=unless(a.tau, 1.0), hard=unless(a.hard, False), dim=unless(a.axis, -1)
        )

    def sees(self, a: GumbelSoftmaxAttrs, use: Use) -> Sees:
        return mixing(use.x, (a.axis,), own=range(use.x.rank))

    def saved(self, a: GumbelSoftmaxAttrs, use: Backprop) -> Kept:
        if not a.hard:
            return Kept(results=(0,))
        return Kept(more=(use.x, use.x.with_dtype(DType.INT).with_axis(a.axis, 1)))
