"""The logistic function."""

from __future__ import annotations

from math import exp
from typing import Any, final

from fanin.ops.activation._floats import ANY_X, FloatActivation
from fanin.ops.contract import NoAttrs


@final
class Sigmoid(FloatActivation):
    """``1 / (1 + exp(-x))`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    Signal: for small x, ``E[y] = 1/2`` and ``Var[y] = Var[x] / 16``.
    """

    name = "sigmoid"
    module = "Sigmoid"
    inputs = ANY_X
    function = "torch.sigmoid"
    example = "y = x -> sigmoid"
    kept = ("result",)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        x = numbers[0]
        if not isinstance(x, (int, float)):
            return None
        return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return 1 / (1 + np.exp(-x))
