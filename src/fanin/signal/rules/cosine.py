"""The cosine of the angle between vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal import table
from fanin.signal.grid import Array
from fanin.signal.rules.base import Rule, Weights, bases, folded, joined_notes
from fanin.signal.rules.normalise import growth
from fanin.signal.state import Gradient, Signal, gradient, is_gaussian, make
from fanin.signal.table import AGREE, DIFFER

_SHARED = "vectors that share a part, in a cosine"


class Cosine(Rule):
    """``x · y / (|x| |y|)`` along an axis of what both are stretched to.

    Formula: over D entries of independent vectors a mean of ``D m_x m_y / L`` and a second moment of
    ``(D q_x q_y + D (D - 1) c_x c_y) / L²`` with ``L = D sqrt(q_x q_y)``, q the second moments of entries and c those
    of two entries of one vector; lengths are taken to be what they are on average. For normal entries of mean 0 it is
    exact, 1 / D. Backwards the derivative ``(y / |y| - cos x / |x|) / |x|``, whose squared length is
    ``(1 - cos²) / |x|²``; of normal entries the mean of ``1 / |x|²`` is known (``normalise.growth``).
    """

    def __init__(self, axis: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.axis, self.shape = axis, shape  # what both inputs are stretched to

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, y = xs
        D = self.shape[self.axis]
        a, b = (self._stretched(s) for s in xs)
        a, b = table.same_states(a, b)
        both = a * b
        agree, differ = (np.take(both, i, axis=self.axis) for i in (AGREE, DIFFER))
        M = (agree + (D - 1) * differ) / (D * x.q * y.q)
        mean = x.mean * y.mean / np.sqrt(x.q * y.q)
        notes = joined_notes(xs, *((_SHARED,) if x.bases & y.bases else ()))
        notes = tuple(dict.fromkeys(notes))
        return [make(shapes[0], table.tidy(M, shapes[0]), bases=bases(xs), noise=0.0, approx=notes, mean=float(mean))]

    def _stretched(self, x: Signal) -> Array:
        """The table of an input, with no lags along the axis that goes."""
        rank = len(self.shape)
        extra = rank - len(x.shape)
        M = table.align(x.M, rank)
        return table.plain(M, self.axis, x.shape[self.axis - extra] if self.axis >= extra else 1)

    def _short(self, x: Signal) -> float:
        """``E[1 / |x|²] E |x|²``: short vectors turn more easily. 1 where an entry's mean keeps the length."""
        extra = len(self.shape) - len(x.shape)
        if not is_gaussian(x) or x.mean**2 > 1e-6 * x.q or self.axis < extra:
            return 1.0
        return growth(x.M, (self.axis - extra,), x.shape)

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (y,), (g,) = ys, gs
        if g is None:
            return [None, None]
        D = self.shape[self.axis]
        G = table.insert(g.G, self.axis)
        found: list[Gradient | None] = []
        for x, other in (xs, xs[::-1]):
            pulled, others = table.same_states(G, self._stretched(other))
            back = pulled * others * max(1 - y.q, 0.0) * self._short(x) / (D**2 * x.q * other.q)
            found.append(gradient(folded(back, self.shape, x.shape)))
        return found
