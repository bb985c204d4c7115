"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal import table
from fanin.signal.resolved import carried, placed, placed_back
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.state import Gradient, Signal, make
from fanin.signal.table import AGREE
from fanin.signal.units import Meeting, Sent, Units


class AlphaDrop(Rule):
    """Entries set to SELU's lower limit with probability p, then an affine map that keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks", eq. 6 to 8.
    """

    LIMIT = -1.7580993408473766

    def __init__(self, p: float, whole: Sequence[int] = ()) -> None:
        super().__init__()
        self.p, self.whole = p, tuple(whole)
        self.scale = ((1 - p) * (1 + p * self.LIMIT**2)) ** -0.5 if p < 1 else 0.0
        self.shift = -self.scale * self.LIMIT * p

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, p, a, b = xs[0], self.p, self.scale, self.shift
        if p == 0:
            return [x]
        index = tuple(slice(None) if i in self.whole else AGREE for i in range(x.M.ndim))
        mean = (1 - p) * x.mean + p * self.LIMIT
        apart = (1 - p) ** 2 * x.M + 2 * p * (1 - p) * self.LIMIT * x.mean + p**2 * self.LIMIT**2
        together = (1 - p) * x.M + p * self.LIMIT**2
        M = apart.copy()
        M[index] = together[index]
        M = a**2 * M + 2 * a * b * mean + b**2
        from fanin.signal.grid import W, sorted_quantiles

        values = np.concatenate([a * x.psi + b, np.array([a * self.LIMIT + b])])
        psi = sorted_quantiles(values, np.concatenate([W * (1 - p), np.array([p])]))
        return [make(x.shape, table.tidy(M, x.shape), psi, bases=x.bases, noise=x.noise, approx=x.approx)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, g = xs[0], gs[0]
        if g is None or self.p == 0:
            return [g]
        from fanin.signal.state import gradient

        index = tuple(slice(None) if i in self.whole else AGREE for i in range(g.G.ndim))
        G = g.G * (1 - self.p) ** 2 * self.scale**2
        G[index] = g.G[index] * (1 - self.p) * self.scale**2
        return [gradient(table.tidy(G, x.shape))]


class Kept(Rule):
    """Entries of the last two axes set to zero outside a triangle, which holds this share of them."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def factor(self, M: np.ndarray) -> np.ndarray:
        found = np.full_like(M, self.share**2)
        found[(..., AGREE, AGREE)] = self.share
        return found

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        from fanin.signal.grid import W, sorted_quantiles

        x = xs[0]
        psi = sorted_quantiles(np.append(x.psi, 0.0), np.append(W * self.share, 1 - self.share))
        note = "the zeros of a triangle are spread over all positions"
        return [make(x.shape, table.tidy(x.M * self.factor(x.M), x.shape), psi, bases=x.bases, noise=x.noise,
                     approx=(*x.approx, *(() if note in x.approx else (note,))), learned=x.learned)]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        from fanin.signal.state import gradient

        g = gs[0]
        return [None if g is None else gradient(table.tidy(g.G * self.factor(g.G), xs[0].shape))]


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
        y = make(x.shape, M, self.dropped(x), R=None, bases=x.bases, profile=x.profile, noise=x.noise,
                 approx=x.approx)  # fmt: skip
        return [y if x.along is None else placed(y, carried(x.along, x.M, x.shape, M, x.shape, x.along.axis))]

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

        back = gradient(table.tidy(g.G * self.factor(g.G), x.shape), profile=g.profile)
        axis = None if g.along is None else g.along.axis
        return [placed_back(back, x.shape, carried(g.along, g.G, x.shape, back.G, x.shape, axis))]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        if self.whole:
            raise Cannot("channels fall as a whole")
        keep = 1 - self.p
        self.masks = [(at.space.uniform(v.shape) < keep) / keep if keep > 0 else 0 * v for _, v in xs[0].pieces]
        return [xs[0].like([v * m for (_, v), m in zip(xs[0].pieces, self.masks, strict=True)])]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        g = gs[0]
        return [None if g is None else g.like([v * m for (_, v), m in zip(g.pieces, self.masks, strict=True)])]
