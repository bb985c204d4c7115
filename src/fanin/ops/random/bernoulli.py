"""Zeros and ones by chance."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import Elementwise, NoAttrs, Port


@final
class Bernoulli(Elementwise[NoAttrs]):
    """1 with probability x, otherwise 0, one by one.

    Shape: ``[*S] -> [*S]``
    No gradient flows into the probabilities.
    Signal: mean and second moment are the mean of x.
    """

    name = "bernoulli"
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = bernoulli(p)"
    example_inputs = {"p": "[N, 8]"}
    kept = ()
    keeps = False
    differentiable = False

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.bernoulli", Input(0))
