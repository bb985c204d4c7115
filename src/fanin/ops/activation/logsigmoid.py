"""The logarithm of the sigmoid."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import NoAttrs
from fanin.ops.keeping import Backprop, Kept


@final
class LogSigmoid(Activation[NoAttrs]):
    """``log(1 / (1 + exp(-x)))``, computed without underflow.

    Shape: ``[*S] -> [*S]``
    """

    name = "logsigmoid"
    module = "LogSigmoid"
    example = "y = x -> logsigmoid"

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0,), more=(use.x,))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return -np.logaddexp(0.0, -x)
