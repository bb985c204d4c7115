"""Sums and means over axes, and the largest along one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb, prod

import numpy as np

from fanin.signal import grid, table
from fanin.signal.rules.base import Cannot, Rule, Weights, joined_notes
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE


class Mean(Rule):
    """The mean over axes, or with ``total`` the sum: entries that hang together do not average out."""

    def __init__(self, axes: Sequence[int], *, total: bool = False) -> None:
        super().__init__()
        self.axes = tuple(sorted(axes))
        self.total = total

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        count = prod(x.shape[i] for i in self.axes)
        factor = float(count) if self.total else 1.0
        M = x.M
        for axis in reversed(self.axes):
            M = table.average(M, axis, x.shape[axis])
        if M.ndim != len(shape):
            for axis in self.axes:
                M = table.insert(M, axis)
        kept = [p for i, p in enumerate(x.profile) if i not in self.axes]
        return [make(shape, M * factor**2, bases=x.bases, noise=x.noise, approx=x.approx, mean=x.mean * factor,
                     profile=kept if len(kept) == len(shape) else None)]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        if g is None:
            return [None]
        count = prod(x.shape[i] for i in self.axes)
        G = g.G / (1.0 if self.total else count**2)
        if len(y.shape) != len(x.shape):
            for axis in self.axes:
                G = table.insert(G, axis)
        return [gradient(G)]


class Largest(Rule):
    """The largest along axes of entries that are alike."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(sorted(axes))

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        count = prod(x.shape[i] for i in self.axes)
        index = tuple(0 if i in self.axes else AGREE for i in range(x.M.ndim))
        r = float(np.clip(x.R[index], 0.0, 1.0))
        inner = largest(x, count, r)
        M = x.M
        R = x.R
        for axis in reversed(self.axes):
            M, R = np.take(M, 0, axis=axis), np.take(R, 0, axis=axis)
        if M.ndim != len(shape):
            for axis in self.axes:
                R = table.insert(R, axis)
        psi, common = inner
        M = grid.pair(common, np.clip(R / r, -1, 1)) if r > 1e-9 else np.full(R.shape, grid.mean(psi) ** 2)
        M[(AGREE,) * M.ndim] = grid.square(psi)
        return [make(shape, table.tidy(M, shape), psi, bases=x.bases, noise=x.noise, approx=x.approx)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        if g is None:
            return [None]
        count = prod(x.shape[i] for i in self.axes)
        index = tuple(0 if i in self.axes else AGREE for i in range(x.M.ndim))
        r = float(np.clip(x.R[index], 0.0, 1.0))
        G = g.G
        if len(y.shape) != len(x.shape):
            for axis in self.axes:
                G = table.insert(G, axis)
        G = G / count**2
        G[(AGREE,) * G.ndim] *= count
        return [winner(table.tidy(G, x.shape), count, r)]


class Top(Rule):
    """The ``k`` largest of the entries along an axis, or the smallest. Which of them stands where is left out."""

    def __init__(self, axis: int, k: int, *, smallest: bool = False) -> None:
        super().__init__()
        self.axis, self.k, self.smallest = axis, k, smallest

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        n, sign = x.shape[self.axis], -1.0 if self.smallest else 1.0
        index = tuple(0 if i == self.axis else AGREE for i in range(x.M.ndim))
        r = float(np.clip(x.R[index], 0.0, 1.0)) if n > 1 else 1.0
        R = table.plain(x.R, self.axis, n)
        R = np.take(R, [0, 0], axis=self.axis)
        psi, common = largest(x.changed(psi=sign * x.psi), n, r, ranks(n, self.k))
        M = grid.pair(common, np.clip(R / r, -1, 1)) if r > 1e-9 else np.full(R.shape, grid.mean(psi) ** 2)
        M[(AGREE,) * M.ndim] = grid.square(psi)
        psi = sign * psi[::-1] if self.smallest else psi
        notes = joined_notes(xs, "of the largest, which stands where is left out")
        return [make(s, table.tidy(M, s), psi, bases=x.bases, noise=x.noise, approx=notes) for s in shapes]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, g = xs[0], gs[0]
        if g is None:
            return [None]
        n = x.shape[self.axis]
        G = table.plain(g.G, self.axis, self.k)
        agree, differ = np.take(G, [AGREE], axis=self.axis), np.take(G, [0], axis=self.axis)
        again = self.k * (self.k - 1) / (n * (n - 1)) if n > 1 else 0.0
        own = agree * (self.k / n) ** 2  # in another row the same entry is chosen by chance
        here = tuple(0 if i == self.axis else AGREE for i in range(own.ndim))
        own[here] = agree[here] * self.k / n
        return [gradient(table.tidy(np.concatenate([differ * again, own], axis=self.axis), x.shape))]


def ranks(count: int, k: int) -> grid.Array:
    """The law, on the grid, of one of the k largest of so many normal numbers. Source: David and Nagaraja 2003, 2.1."""
    rest = np.clip(1 - grid.LEVELS, 0.0, 1.0)
    share = sum(comb(count - 1, j) * grid.LEVELS ** (count - 1 - j) * rest**j for j in range(k))
    return np.asarray(grid.W * share * count / k)


def largest(x: Signal, count: int, r: float, share: grid.Array | None = None) -> tuple[grid.Array, grid.Array]:
    """The law of the largest of ``count`` entries with latent correlation r, and its mean given what they share.

    The latents are ``sqrt(r) t + sqrt(1 - r) e`` with a common t; a function that rises has its largest value at the
    largest latent.
    """
    if count < 1:
        raise Cannot("nothing to take the largest of")
    psi = x.psi if np.all(np.diff(x.psi) >= -1e-12) else np.sort(x.psi)
    if share is None:
        share = count * grid.W * grid.LEVELS ** (count - 1)
    if r < 1e-9:
        share = share / share.sum()
        m, q = float(share @ psi), float(share @ psi**2)
        return _with(grid.sorted_quantiles(psi, share), m, q), np.full_like(psi, m)
    keep = share > 1e-9
    peaks, weight = grid.Z[keep], share[keep]
    step = max(1, len(peaks) // 160)
    if step > 1:
        starts = np.arange(0, len(peaks), step)
        total = np.add.reduceat(weight, starts)
        peaks = np.add.reduceat(weight * peaks, starts) / np.maximum(total, 1e-300)
        weight = total
    weight = weight / weight.sum()
    at = np.sqrt(r) * grid.Z[:, None] + np.sqrt(1 - r) * peaks[None, :]
    values = np.interp(at, grid.Z, psi)
    common = values @ weight
    spread = grid.sorted_quantiles(values.ravel(), (grid.W[:, None] * weight[None, :]).ravel())
    q = float(grid.W @ (values**2 @ weight))
    m = float(grid.W @ common)
    return _with(spread, m, q), common


def _with(psi: grid.Array, m: float, q: float) -> grid.Array:
    """The same shape with exactly these moments."""
    v = grid.square(psi) - grid.mean(psi) ** 2
    return psi if v <= 0 else np.asarray(m + (psi - grid.mean(psi)) * np.sqrt(max(q - m * m, 0.0) / v))


def overlapping(x: Signal, count: int, both: int, r: float) -> float:
    """The covariance of the largest of two windows of ``count`` entries that hold ``both`` of them together, given what
    all entries share.

    With ``g(s) = E f(max(a, s))`` over the entries a of one window alone it is ``E g(s)^2 - (E g(s))^2`` over the
    largest s of those in both.
    """
    psi = np.maximum.accumulate(x.psi) if np.all(np.diff(x.psi) >= -1e-12) else np.sort(x.psi)
    t = grid.quantiles(24)
    f = np.interp(np.sqrt(r) * t[:, None] + np.sqrt(1 - r) * grid.Z[None, :], grid.Z, psi)
    alone = count - both
    share = alone * grid.W * grid.LEVELS ** (alone - 1)
    above = np.cumsum((f * share)[:, ::-1], axis=1)[:, ::-1] - 0.5 * f * share
    g = f * grid.LEVELS**alone + above
    top = both * grid.W * grid.LEVELS ** (both - 1)
    mean = g @ top
    return float(np.mean((g * g) @ top - mean * mean))


def winner(G: grid.Array, count: int, r: float) -> Gradient:
    """A gradient that only the largest of ``count`` entries gets: by chance, which hangs on the latent of the entry."""
    t = grid.quantiles(64)
    centre = np.sqrt(r) * grid.Z[:, None] + np.sqrt(1 - r) * t[None, :]  # the common part, given the own latent
    own = (grid.Z[:, None] - np.sqrt(r) * centre) / np.sqrt(max(1 - r, 1e-9))
    chance = (grid.normal_cdf(own) ** (count - 1)).mean(axis=1)
    size = float(grid.W @ chance)
    if size <= 0:
        return gradient(G)
    return replace(gradient(G, np.sqrt(chance / size)), lean=chance / np.sqrt(size))
