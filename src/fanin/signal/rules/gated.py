"""Gated linear units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal.rules.base import Rule, Weights
from fanin.signal.rules.pointwise import Curve, Product
from fanin.signal.rules.shape import Part
from fanin.signal.state import Gradient, Signal


class Gated(Rule):
    """``a · sigmoid(b)`` of the two halves along an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        self.part, self.curve, self.product = Part(range(len(shapes[0]))), Curve(_sigmoid), Product()
        self.halves = self.part.forward(xs, w, [shapes[0], shapes[0]])
        (self.gate,) = self.curve.forward(self.halves[1:], w, shapes)
        return self.product.forward([self.halves[0], self.gate], w, shapes)

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        first, gate = self.product.backward([self.halves[0], self.gate], ys, gs, w)
        (second,) = self.curve.backward(self.halves[1:], [self.gate], [gate], w)
        return self.part.backward(xs, self.halves, [first, second], w)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))
