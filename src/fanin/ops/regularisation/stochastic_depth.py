"""Dropout of whole samples: a residual branch that is skipped at random."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.attributes import Probability
from fanin.ops.code import TRAINING, Code, Infix, Input, call, method
from fanin.ops.contract import Complaint, Op, OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.spelling import spell
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class StochasticDepthAttrs(OpAttrs):
    p: Probability


@final
class StochasticDepth(Op[StochasticDepthAttrs]):
    """Puts whole samples (axis 0) to 0 with probability p and divides the others by 1 - p, in training; else nothing.

    As torchvision's ``StochasticDepth`` in mode "row", for a residual branch: ``x += x -> body ->
    stochastic_depth(0.1)``.

    Shape: ``[N, *] -> [N, *]``
    Signal: the mean stays; ``E[y²] = E[x²] / (1 - p)`` in training.
    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", section 3; rescaled in training as in torchvision.
    """

    name = "stochastic_depth"
    attrs = StochasticDepthAttrs
    inputs = X
    keeps = False
    example = "y = x -> stochastic_depth(0.1)"

    def infer(self, a: StochasticDepthAttrs, *types: TensorType) -> Result:
        if types[0].rank == 0:
            raise Complaint("`stochastic_depth` drops samples along axis 0, and a scalar has none", "x")
        return types[0]

    def torch(self, a: StochasticDepthAttrs, *types: TensorType) -> Code:
        (x,) = types
        ones = method(Input(0), "new_ones", x.shape[0], *(1,) * (x.rank - 1))
        return Infix("*", Input(0), call("F.dropout", ones, spell(a.p), training=TRAINING))

    def sees(self, a: StochasticDepthAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def saved(self, a: StochasticDepthAttrs, use: Backprop) -> Kept:
        return Kept(more=(numbers(use.x.shape[0]),))

    def signal(self, a: StochasticDepthAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.noise import Drop

        return Drop(a.p, range(1, types[0].rank))

    def couplings(self, a: StochasticDepthAttrs, *types: TensorType) -> Ties:
        return tied(types[0])

    def masked(self, a: StochasticDepthAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None
