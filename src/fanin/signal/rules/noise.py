"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal import table
from fanin.signal.rules.base import Rule, Weights
from fanin.signal.state import Gradient, Signal, make
from fanin.signal.table import AGREE


class Drop(Rule):
    """Each entry kept with probability ``1 - p`` and divided by it; ``whole`` are the axes that fall together."""

    def __init__(self, p: float, whole: Sequence[int] = ()) -> None:
        super().__init__()
        self.p, self.whole = p, tuple(whole)

    def factor(self, M: np.ndarray) -> np.ndarray:
        """By how much moments grow: those of entries that are kept or dropped together."""
        found = np.ones_like(M)
        index = tuple(slice(None) if i in self.whole else AGREE for i in range(M.ndim))
        found[index] = 1 / (1 - self.p) if self.p < 1 else 0.0
        return found

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        if self.p == 0:
            return [x]
        M = table.tidy(x.M * self.factor(x.M), x.shape)
        return [make(x.shape, M, self.dropped(x), R=None, bases=x.bases, profile=x.profile, noise=x.noise,
                     approx=x.approx)]  # fmt: skip

    def dropped(self, x: Signal) -> np.ndarray:
        from fanin.signal.grid import W, sorted_quantiles

        if self.p >= 1:
            return np.zeros_like(x.psi)
        values = np.concatenate([x.psi / (1 - self.p), np.zeros(1)])
        return sorted_quantiles(values, np.concatenate([W * (1 - self.p), [self.p]]))

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, g = xs[0], gs[0]
        if g is None or self.p == 0:
            return [g]
        from fanin.signal.state import gradient

        return [gradient(table.tidy(g.G * self.factor(g.G), x.shape), profile=g.profile)]
