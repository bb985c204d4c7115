"""What the hyperbolic tangent takes off."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._floats import NUMBER_X, FloatActivation
from fanin.ops.contract import NoAttrs
from fanin.ops.keeping import Backprop, Kept


@final
class Tanhshrink(FloatActivation):
    """``x - tanh(x)`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    """

    name = "tanhshrink"
    module = "Tanhshrink"
    inputs = NUMBER_X
    function = "F.tanhshrink"
    example = "y = x -> tanhshrink"

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(more=(use.x,))  # the tanh

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return x - np.tanh(x)
