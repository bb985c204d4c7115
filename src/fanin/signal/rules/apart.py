"""A function of two tensors, entry by entry, that have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.rules.base import Cannot, Rule, Weights, bases, folded, joined_notes, scaled_by
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE

_STEP = 0.1
_ORDER = 64
_SHARED = "a function of tensors that share a part"


class Apart(Rule):
    """``y = f(x1, x2)``, broadcast, where the two are taken to be independent.

    With normalised Hermite coefficients ``C[k, l]`` of f in the latents of both, pairs of entries whose latents have
    the correlations r and s give ``E f f' = Σ C[k, l]² r^k s^l`` (Mehler 1866, in two latents). Backwards the slope in
    one of them, given its own latent, is the envelope; pairs of entries see the same series of the slopes.
    """

    def __init__(self, f: Callable[[Array, Array], Array]) -> None:
        super().__init__()
        self.f = f

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        shape = shapes[0]
        with np.errstate(all="ignore"):
            values = np.asarray(self.f(*_at(xs)), dtype=np.float64)
        if not np.all(np.isfinite(values)):
            raise Cannot("it has no value at some of the numbers that may come in")
        M = pairs(values, *_latents(xs, len(shape)))
        share = np.outer(_nodes(0)[1], _nodes(1)[1])
        psi = grid.sorted_quantiles(values.ravel(), share.ravel())
        notes = tuple(dict.fromkeys(joined_notes(xs, *((_SHARED,) if xs[0].bases & xs[1].bases else ()))))
        noise = max(x.noise for x in xs)
        fitted = _fitted(psi, float((values * share).sum()), M)
        return [make(shape, table.tidy(M, shape), fitted, bases=bases(xs), noise=noise, approx=notes)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (out,), (g,) = ys, gs
        if g is None:
            return [None, None]
        latents = _latents(xs, len(out.shape))
        found: list[Gradient | None] = []
        for i, own in enumerate(xs):
            slope = self._slope(xs, i)
            if own.shape == out.shape and np.ptp(g.h) == 0:
                z, share = _nodes(i)[0], _nodes(1 - i)[1]
                given = slope if i == 0 else slope.T  # [own latent, the other's]
                envelope, lean = np.sqrt(given**2 @ share), given @ share
                found.append(_through(g, own, np.interp(grid.Z, z, envelope), np.interp(grid.Z, z, lean)))
                continue
            G, P = table.same_states(g.G, pairs(slope, *latents))
            found.append(gradient(folded(G * P, out.shape, own.shape)))
        return found

    def _slope(self, xs: Sequence[Signal], i: int) -> Array:
        """The slope in one of the two, at the nodes of both."""
        at = _at(xs)
        step = 1e-6 * (1 + np.abs(at[i]))
        up, down = ([v + sign * step if j == i else v for j, v in enumerate(at)] for sign in (1, -1))
        with np.errstate(all="ignore"):
            return np.asarray(np.nan_to_num((self.f(*up) - self.f(*down)) / (2 * step)), dtype=np.float64)


def _at(xs: Sequence[Signal]) -> list[Array]:
    """Values of two tensors at the nodes of their latents, the first down and the second across."""
    x, y = (np.interp(_nodes(i)[0], grid.Z, s.psi) for i, s in enumerate(xs))
    return [x[:, None], y[None, :]]


def _latents(xs: Sequence[Signal], rank: int) -> list[Array]:
    """The correlations of both latents, with new axes in front where a tensor is stretched."""
    return [table.align(x.R, rank) for x in xs]


def _through(g: Gradient, x: Signal, envelope: Array, lean: Array) -> Gradient:
    """A gradient that passes with this slope on average, of squares and of the slope, given the latent."""
    back = scaled_by(g, x, envelope)
    size = np.sqrt(grid.square(envelope))
    if size <= 0:
        return back
    G, R = table.same_states(g.G, x.R)
    G = G * grid.pair(lean, R)
    G[(AGREE,) * G.ndim] = back.G[(AGREE,) * back.G.ndim]
    return Gradient(G, back.h, back.source, back.profile, lean=lean / size)


def pairs(values: Array, R: Array, S: Array) -> Array:
    """``E f f'`` of f on the nodes of two latents, for pairs with the correlations in two tables of one rank."""
    R, S = table.same_states(R, S)
    first, second = (_basis(i) * _nodes(i)[1] for i in (0, 1))
    C = (first @ values @ second.T) ** 2
    rest = max(float(_nodes(0)[1] @ values**2 @ _nodes(1)[1]) - float(C.sum()), 0.0)
    found = np.empty(R.shape)
    for index in np.ndindex(*R.shape):
        r, s = (float(np.clip(t[index], -1, 1)) for t in (R, S))
        powers = [x ** np.arange(n) for x, n in zip((r, s), C.shape, strict=True)]
        found[index] = float(powers[0] @ C @ powers[1]) + (rest if r >= 1 and s >= 1 else 0.0)
    return found


def _fitted(psi: Array, mean: float, M: Array) -> Array:
    """Values with exactly this mean, and the second moment of the table."""
    own, q = grid.mean(psi), float(M[(AGREE,) * M.ndim])
    variance = grid.square(psi) - own * own
    spread = 0.0 if variance <= 0 else np.sqrt(max(q - mean * mean, 0.0) / variance)
    return np.asarray(mean + (psi - own) * spread)


@cache
def _nodes(which: int) -> tuple[Array, Array]:
    """Equal steps over a standard normal, and their weights: for what is smooth exact to all digits (Trefethen and
    Weideman 2014), at a kink to a square of the step. Those of the second latent are a little shorter, so that a kink
    where both are equal lies between its nodes everywhere.
    """
    step = _STEP * (1 - 0.03 * which)
    count = int(grid.REACH / step)
    at = step * np.arange(-count, count + 1)
    share = np.exp(-0.5 * at * at)
    return at, share / share.sum()


@cache
def _basis(which: int) -> Array:
    """Normalised Hermite polynomials at the nodes, one row for each order."""
    z = _nodes(which)[0]
    rows = [np.ones_like(z), z.copy()]
    for k in range(1, _ORDER - 1):
        rows.append((z * rows[k] - np.sqrt(k) * rows[k - 1]) / np.sqrt(k + 1))
    return np.stack(rows)
