"""Moments by position, where positions are not alike: behind a causal mask the first ones are read by all.

A table says of pairs along an axis that they agree or differ. Of a resolved axis it is known, besides, for every pair
of positions, or of groups of neighbouring ones where there are many; the table then holds the means. All other axes
agree, but for the samples of a batch, which may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.state import Gradient, Signal, is_gaussian
from fanin.signal.table import AGREE, DIFFER

MOST = 32
"""Groups of positions."""
AVERAGED = "causal positions are averaged"


@lru_cache(maxsize=64)
def groups(count: int) -> Array:
    """How many positions each group holds: one at the front, where lengths differ most, and more and more behind."""
    if count <= MOST:
        return np.ones(count)
    ends = np.unique(np.round(np.geomspace(1, count, MOST)).astype(int))
    fill = np.setdiff1d(np.arange(1, 12), ends)[: MOST - len(ends)]
    return np.diff(np.concatenate([[0], np.sort(np.concatenate([ends, fill]))])).astype(float)


@lru_cache(maxsize=64)
def shares(count: int) -> tuple[Array, Array]:
    """Of all positions the share of each group, and of all pairs of two positions that of each pair of groups."""
    n = groups(count)
    pairs = np.outer(n, n)
    np.fill_diagonal(pairs, n * (n - 1))
    return n / count, pairs / max(count * (count - 1), 1)


@dataclass(frozen=True)
class Resolved:
    """``same`` [2, P] are moments of entries at one position, ``pairs`` [2, P, P] at two; the first index says whether
    samples differ or agree. Two positions of one group are on the diagonal of ``pairs``."""

    axis: int
    same: Array
    pairs: Array

    def map(self, f: Callable[[Array], Array]) -> Resolved:
        every, n = f(np.concatenate([self.same.ravel(), self.pairs.ravel()])), self.same.size
        return Resolved(self.axis, every[:n].reshape(self.same.shape), every[n:].reshape(self.pairs.shape))

    def and_(self, other: Resolved, f: Callable[[Array, Array], Array]) -> Resolved:
        return Resolved(self.axis, f(self.same, other.same), f(self.pairs, other.pairs))

    def at(self, axis: int) -> Resolved:
        return replace(self, axis=axis)

    def each(self, heights: Array) -> Resolved:
        """Every position's entries times a number of its own."""
        return Resolved(self.axis, self.same * heights**2, self.pairs * np.outer(heights, heights))

    def scaled(self, same: Array, pairs: Array) -> Resolved:
        """Times a number for each of the classes of a table."""
        return Resolved(self.axis, self.same * same[:, None], self.pairs * pairs[:, None, None])

    @property
    def own(self) -> Array:
        """The second moment at each position."""
        return np.asarray(self.same[AGREE])

    def means(self, count: int) -> tuple[Array, Array]:
        one, two = shares(count)
        return self.same @ one, self.pairs.reshape(2, -1) @ two.ravel()

    def heights(self, count: int) -> Array | None:
        """The amplitudes of positions, with mean square 1."""
        own = np.maximum(self.own, 0.0)
        if len(own) < count:
            own = np.repeat(own, groups(count).astype(int))
        mean = float(own.mean())
        return None if mean <= 0 or float(np.ptp(own)) < 1e-9 * mean else np.sqrt(own / mean)


def pairs_met(along: Resolved, shape: Sequence[int]) -> float:
    """The sum over all pairs of samples and positions."""
    same, pairs = along.means(shape[along.axis])
    samples = shape[0] * np.array([shape[0] - 1, 1])
    return float(shape[along.axis] * (samples @ same) + shape[along.axis] * (shape[along.axis] - 1) * (samples @ pairs))


def classes(M: Array, shape: Sequence[int], axis: int) -> tuple[Array, Array]:
    """Of a table the entries that ``same`` and ``pairs`` stand for, by whether samples agree."""
    M = table.plain(M, axis, shape[axis])
    same, pairs = np.zeros(2), np.zeros(2)
    for i in (DIFFER, AGREE):
        index = [AGREE] * M.ndim
        index[0] = AGREE if axis == 0 else i
        same[i] = M[tuple(index)]
        index[axis] = DIFFER
        pairs[i] = M[tuple(index)]
    return same, pairs


def lifted(M: Array, shape: Sequence[int], axis: int) -> Resolved:
    """What a table says where positions are alike."""
    same, pairs = classes(M, shape, axis)
    count = len(groups(shape[axis]))
    return Resolved(axis, np.repeat(same[:, None], count, 1), np.tile(pairs[:, None, None], (1, count, count)))


def filled(M: Array, shape: Sequence[int], along: Resolved) -> Array:
    """A table with the means over positions in it."""
    if along.axis == 0:
        return M
    M = table.plain(M, along.axis, shape[along.axis]).copy()
    same, pairs = along.means(shape[along.axis])
    for i in (DIFFER, AGREE) if shape[0] > 1 else (AGREE,):
        index = [AGREE] * M.ndim
        index[0] = i
        M[tuple(index)] = same[i]
        index[along.axis] = DIFFER
        M[tuple(index)] = pairs[i] if shape[along.axis] > 1 else same[i]
    return table.tidy(M, shape)


def carried(
    along: Resolved | None, M: Array, shape: Sequence[int], to: Array, to_shape: Sequence[int], axis: int | None
) -> Resolved | None:
    """Moments by position behind what multiplies all of a class by one number, from the tables around it."""
    if along is None or axis is None or axis < 1 or to_shape[axis] != shape[along.axis]:
        return None
    before, after = classes(M, shape, along.axis), classes(to, to_shape, axis)
    same, pairs = (
        np.divide(a, b, out=np.zeros(2), where=np.abs(b) > 1e-300) for a, b in zip(after, before, strict=True)
    )
    return along.scaled(same, pairs).at(axis)


def resolved_in(x: Signal, g: Gradient) -> int | None:
    """The axis along which positions of a tensor, or of the gradient at it, are known one by one."""
    known = x.along or g.along
    return None if known is None else known.axis


def latents(x: Signal, axis: int) -> Resolved:
    """The correlations of the latent by position."""
    if x.along is None:
        return lifted(x.R, x.shape, axis)
    if is_gaussian(x):
        m2 = x.mean**2
        size = 1 / np.sqrt(np.maximum(x.along.own - m2, 1e-300))
        return x.along.map(lambda K: K - m2).each(size).map(lambda r: np.clip(r, -1.0, 1.0))
    size = np.sqrt(x.q / np.maximum(x.along.own, 1e-300))
    return x.along.each(size).map(lambda K: grid.latent(x.psi, K))


def placed(x: Signal, along: Resolved | None) -> Signal:
    """A signal of which moments by position are known."""
    if along is None:
        return x
    M = filled(x.M, x.shape, along)
    top = float(M[(AGREE,) * M.ndim])
    psi = x.psi * np.sqrt(top / x.q) if x.q > 0 and x.mean == 0 else x.psi
    if is_gaussian(x):
        m2 = x.mean**2
        R = np.clip((M - m2) / max(top - m2, 1e-300), -1.0, 1.0)
    else:
        R = grid.latent(psi, M)
    profile = list(x.profile)
    profile[along.axis] = along.heights(x.shape[along.axis])
    return x.changed(M=M, R=R, psi=psi, profile=tuple(profile), along=along)


def placed_back(g: Gradient, shape: Sequence[int], along: Resolved | None) -> Gradient:
    """A gradient of which moments by position are known."""
    if along is None:
        return g
    profile: list[Array | None] = list(g.profile) if len(g.profile) == len(shape) else [None] * len(shape)
    profile[along.axis] = along.heights(shape[along.axis])
    return replace(g, G=filled(g.G, shape, along), profile=tuple(profile), along=along)


def sum_along(g: Gradient, parts: Sequence[Gradient], shape: Sequence[int]) -> Gradient:
    """The sum of gradients of which one, at least, is known by position."""
    axes = {p.along.axis for p in parts if p.along is not None}
    if len(axes) != 1:
        return g
    (axis,) = axes
    each = [p.along or lifted(p.G, shape, axis) for p in parts]
    total = each[0]
    for one in each[1:]:
        total = total.and_(one, np.add)
    return placed_back(g, shape, total)
