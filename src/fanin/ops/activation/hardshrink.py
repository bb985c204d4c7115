"""Hard shrinkage."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class HardshrinkAttrs(OpAttrs):
    lambd: float = 0.5


@final
class Hardshrink(Activation[HardshrinkAttrs]):
    """``x`` where it is beyond ``-lambd .. lambd``, otherwise 0.

    Shape: ``[*S] -> [*S]``
    Source: Donoho and Johnstone 1994.
    """

    name = "hardshrink"
    module = "Hardshrink"
    attrs = HardshrinkAttrs
    example = "y = x -> hardshrink(0.1)"
    at_zero = 0.0

    def curve(self, a: HardshrinkAttrs, x: Any) -> Any:
        import numpy as np

        return np.where(np.abs(x) > a.lambd, x, 0.0)
