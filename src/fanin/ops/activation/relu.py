"""The rectifier."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import REALS, Elementwise, NoAttrs, Port


@final
class Relu(Elementwise[NoAttrs]):
    """``max(x, 0)`` of every number.

    Shape: ``[*S] -> [*S]``
    Signal: ``E[y²] = E[x²] / 2`` for a symmetric x.
    Source: Nair and Hinton 2010.
    """

    name = "relu"
    module = "ReLU"
    inputs = (Port("x", REALS),)
    example = "y = x -> relu"
    kept = ("result",)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return max(numbers[0], 0)

    def construct(self, a: NoAttrs, *types: TensorType) -> Call:
        return call("nn.ReLU")

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("F.relu", Input(0))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return np.maximum(x, 0.0)
