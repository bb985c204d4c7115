"""Soft shrinkage."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class SoftshrinkAttrs(OpAttrs):
    lambd: NonNegativeFloat = 0.5


@final
class Softshrink(Activation[SoftshrinkAttrs]):
    """``sign(x) · max(|x| - lambd, 0)`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Donoho 1995.
    """

    name = "softshrink"
    module = "Softshrink"
    attrs = SoftshrinkAttrs
    example = "y = x -> softshrink(0.1)"
    at_zero = 0.0

    def curve(self, a: SoftshrinkAttrs, x: Any) -> Any:
        import numpy as np

        return np.sign(x) * np.maximum(np.abs(x) - a.lambd, 0.0)
