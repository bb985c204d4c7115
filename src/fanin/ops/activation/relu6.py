"""The rectifier, cut at 6."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import REALS, NoAttrs, Port


@final
class Relu6(Activation[NoAttrs]):
    """``min(max(x, 0), 6)`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Krizhevsky 2010, "Convolutional Deep Belief Networks on CIFAR-10".
    """

    name = "relu6"
    module = "ReLU6"
    inputs = (Port("x", REALS),)
    example = "y = x -> relu6"
    at_zero = 0.0

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return min(max(numbers[0], 0), 6)

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return np.clip(x, 0.0, 6.0)
