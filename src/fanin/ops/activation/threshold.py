"""A threshold with a value of its own below."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import REALS, OpAttrs, Port
from fanin.record import record


@record
class ThresholdAttrs(OpAttrs):
    threshold: float
    value: float


@final
class Threshold(Activation[ThresholdAttrs]):
    """``x`` where it is above ``threshold``, otherwise ``value``.

    Shape: ``[*S] -> [*S]``
    """

    name = "threshold"
    module = "Threshold"
    attrs = ThresholdAttrs
    inputs = (Port("x", REALS),)
    example = "y = x -> threshold(0.1, 0)"
    places = 2

    def curve(self, a: ThresholdAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(x > a.threshold, x, a.value)
