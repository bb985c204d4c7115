"""A clamp to a range."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import REALS, Complaint, OpAttrs, Port
from fanin.record import record


@record
class HardtanhAttrs(OpAttrs):
    min_val: float = -1.0
    max_val: float = 1.0


@final
class Hardtanh(Activation[HardtanhAttrs]):
    """``min(max(x, min_val), max_val)`` of every number.

    Shape: ``[*S] -> [*S]``
    Source: Collobert 2004.
    """

    name = "hardtanh"
    module = "Hardtanh"
    attrs = HardtanhAttrs
    inputs = (Port("x", REALS),)
    example = "y = x -> hardtanh(-2, 2)"
    places = 2

    def check(self, a: HardtanhAttrs) -> None:
        if a.min_val >= a.max_val:
            raise Complaint(f"`max_val` has to be above the `min_val` of {a.min_val:g}", "max_val", kind="type")

    def curve(self, a: HardtanhAttrs, x: Any) -> Any:
        import numpy as np

        return np.clip(x, a.min_val, a.max_val)
