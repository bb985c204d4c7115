"""Softsign."""

from __future__ import annotations

from typing import Any, final

from fanin.ops.activation._floats import NUMBER_X, FloatActivation
from fanin.ops.contract import NoAttrs
from fanin.ops.keeping import Backprop, Kept


@final
class Softsign(FloatActivation):
    """``x / (1 + |x|)`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    Source: Bergstra et al. 2009; Glorot and Bengio 2010, section 3.
    """

    name = "softsign"
    module = "Softsign"
    inputs = NUMBER_X
    function = "F.softsign"
    example = "y = x -> softsign"

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0,), more=(use.x,))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return x / (1 + np.abs(x))
