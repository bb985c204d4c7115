"""Rows picked by an index, and rows gathered into segments: graphs are taken to be regular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal import table
from fanin.signal.rules.base import Rule, Weights, joined_notes
from fanin.signal.rules.softmax import shares_of
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE, DIFFER

_REGULAR = "every row is taken to be picked equally often"


class Picked(Rule):
    """Rows along an axis at places that an index names: two of them are one row now and then."""

    takes_whole = True

    def __init__(self, axis: int, added: int = 1) -> None:
        super().__init__()
        self.axis, self.added = axis, added  # how many axes the index has, in the place of one

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        n = x.shape[self.axis]
        M = table.plain(x.M, self.axis, n)
        agree, differ = np.take(M, AGREE, axis=self.axis), np.take(M, DIFFER, axis=self.axis)
        M = np.stack([agree / n + differ * (1 - 1 / n), agree], axis=self.axis)
        before = shape[: self.axis]
        index = shape[self.axis : self.axis + self.added]
        if self.added != 1:
            count = int(np.prod(index)) if index else 1
            M = table.reshape(M, (*before, count, *shape[self.axis + self.added :]), shape)
        notes = joined_notes((x,), *(() if _REGULAR in x.approx else (_REGULAR,)))
        return [make(shape, table.tidy(M, shape), x.psi, bases=x.bases, noise=x.noise, approx=notes)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 1)
        if g is None:
            return [None, *rest]
        G = g.G
        index = y.shape[self.axis : self.axis + self.added]
        count = int(np.prod(index)) if index else 1
        flat = (*y.shape[: self.axis], count, *y.shape[self.axis + self.added :])
        G = table.reshape(G, y.shape, flat) if self.added != 1 else table.plain(G, self.axis, count)
        k = count / x.shape[self.axis]
        agree, differ = np.take(G, AGREE, axis=self.axis), np.take(G, DIFFER, axis=self.axis)
        G = np.stack([k * k * differ, k * agree + k * max(k - 1, 0) * differ], axis=self.axis)
        return [gradient(table.tidy(G, x.shape)), *rest]


class SegmentSoftmax(Rule):
    """A softmax over the rows of each segment, which are taken to be of one size."""

    takes_whole = True

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        k = max(x.shape[0] / self.count, 1.0)
        size = max(round(k), 1)
        own = shares_of(size, x.variance)
        M = np.full((2,) * len(x.shape), 1 / k**2)
        M[(AGREE,) * M.ndim] = own / k
        notes = joined_notes((x,), *(() if _REGULAR in x.approx else (_REGULAR,)))
        return [make(x.shape, table.tidy(M, x.shape), bases=x.bases, approx=notes, mean=1 / k)]

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, g = xs[0], gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 1)
        if g is None:
            return [None, *rest]
        size = max(round(x.shape[0] / self.count), 1)
        two, three = (shares_of(size, x.variance, p) for p in (2, 3))
        G = np.zeros((2,) * len(x.shape))
        G[(AGREE,) * G.ndim] = g.q * max(two - 2 * three + two * two, 0.0) / size
        return [gradient(table.tidy(G, x.shape)), *rest]


class Segments(Rule):
    """Sums or means over the rows of each segment, which are taken to be of one size."""

    takes_whole = True

    def __init__(self, *, mean: bool) -> None:
        super().__init__()
        self.mean = mean

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        k = x.shape[0] / shape[0]
        M = table.plain(x.M, 0, x.shape[0])
        agree, differ = M[AGREE], M[DIFFER]
        same = k * agree + k * max(k - 1, 0) * differ
        scale = 1 / max(k, 1) ** 2 if self.mean else 1.0
        M = np.stack([k * k * differ, same]) * scale
        mean = x.mean * (k if not self.mean else min(k, 1.0))
        notes = joined_notes((x,), *(() if _REGULAR in x.approx else (_REGULAR,)))
        return [make(shape, table.tidy(M, shape), bases=x.bases, noise=x.noise, approx=notes, mean=mean)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 1)
        if g is None:
            return [None, *rest]
        k = x.shape[0] / y.shape[0]
        scale = 1 / max(k, 1) ** 2 if self.mean else 1.0
        G = table.plain(g.G, 0, y.shape[0])
        n = x.shape[0]
        share = max(k - 1, 0) / max(n - 1, 1)  # of the other rows, those in the same segment
        G = np.stack([share * G[AGREE] + (1 - share) * G[DIFFER], G[AGREE]]) * scale
        return [gradient(table.tidy(G, x.shape)), *rest]
