"""What is known of a tensor, and of the gradient at it, before a weight exists."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.table import AGREE, DIFFER

if TYPE_CHECKING:
    from fanin.signal.resolved import Resolved

_roots = itertools.count()


@dataclass(frozen=True)
class Signal:
    """The law of the entries of a tensor over weights and data: a marginal, and how entries hang together.

    ``psi`` are the values of an entry on the latent's grid; ``M`` the second moments and ``R`` the correlations of the
    latent by which axes two entries agree on. Tensors of one ``root`` are functions of one latent, entry by entry.
    ``profile`` has, for axes along which zero padding makes positions unequal, their amplitudes (mean square 1).
    ``noise`` is the variance of the logarithm of the squared length from the finite widths before (Hanin 2018).
    """

    shape: tuple[int, ...]
    M: Array
    psi: Array
    R: Array
    root: int
    bases: frozenset[int]
    profile: tuple[Array | None, ...]
    noise: float = 0.0
    approx: tuple[str, ...] = ()
    learned: bool = False  # a parameter, or made of parameters alone
    masked: bool = False  # along its last axis only the positions up to the own one are read
    parts: tuple[Signal, ...] = ()  # what it was put together of along ``joined``, where the pieces differ
    joined: int = -1
    along: Resolved | None = None  # moments by position, where positions are not alike

    @property
    def q(self) -> float:
        """The second moment."""
        return float(self.M[(AGREE,) * self.M.ndim])

    @property
    def mean(self) -> float:
        return grid.mean(self.psi)

    @property
    def variance(self) -> float:
        return max(self.q - self.mean**2, 0.0)

    @property
    def is_constant(self) -> bool:
        """Whether every entry is one number."""
        return bool(np.ptp(self.psi) == 0)

    def agree(self, *axes: int) -> float:
        """The moment of pairs that agree on these axes alone."""
        index = [DIFFER] * self.M.ndim
        for axis in axes:
            index[axis] = AGREE
        return float(self.M[tuple(index)])

    def changed(self, **changes: Any) -> Signal:
        if "M" in changes or "shape" in changes:
            changes.setdefault("along", None)
        return replace(self, **changes)


def make(
    shape: Sequence[int],
    M: Array,
    psi: Array | None = None,
    *,
    R: Array | None = None,
    root: int | None = None,
    bases: frozenset[int] = frozenset(),
    profile: Sequence[Array | None] | None = None,
    noise: float = 0.0,
    approx: tuple[str, ...] = (),
    learned: bool = False,
    mean: float | None = None,
) -> Signal:
    """A signal; Gaussian where no ``psi`` is given, of a latent of its own where no ``root`` is."""
    shape = tuple(shape)
    M = np.asarray(M, dtype=np.float64)
    q = float(M[(AGREE,) * M.ndim])
    if psi is None:
        m = float(np.sqrt(max(float(M[(DIFFER,) * M.ndim]), 0.0))) if mean is None else mean
        v = max(q - m * m, 0.0)
        psi = m + np.sqrt(v) * grid.Z
        if R is None:
            R = np.ones_like(M) if v <= 1e-14 * max(q, 1e-300) else np.clip((M - m * m) / v, -1.0, 1.0)
    if R is None:
        R = grid.latent(psi, M)
    if root is None:
        root = next(_roots)
    profile = tuple(profile) if profile is not None else (None,) * len(shape)
    return Signal(shape, M, psi, R, root, bases | {root}, profile, noise, approx, learned)


def is_gaussian(x: Signal) -> bool:
    line = x.mean + np.sqrt(x.variance) * grid.Z
    return bool(np.abs(x.psi - line).max() <= 1e-9 * (np.sqrt(x.q) + 1e-300))


def new_root() -> int:
    """The name of a latent that nothing else has."""
    return next(_roots)


def number(value: float) -> Signal:
    """A number: a tensor without axes that is what it is."""
    value = float(np.clip(value, -1e30, 1e30))  # no moments of infinity
    return make((), np.array(value * value), np.full_like(grid.Z, value), R=np.ones(()))


MOST_TERMS = 4
"""Summands of a gradient that are told apart."""
_sources = itertools.count()


@dataclass(frozen=True)
class Gradient:
    """The gradient at a tensor: ``h(z) * eps`` with an envelope on the tensor's own latent and an independent rest.

    ``G`` are the true second moments by which axes two entries agree on. Gradients of one ``source`` are the same
    ``eps`` times different envelopes, and add as such; others add in square.

    ``h`` is the root of ``E g² | z``. ``lean`` is ``E g | z`` where that is another curve, in the same unit: of an
    entry that passes by chance, as the largest of a window or where a sum was positive. Pairs of entries see ``lean``.

    A gradient that knows the tensor it belongs to sums up over positions where both do. ``tilt`` are the moments of its
    slope in what the tensor was made of, where other tensors than its own envelope bring it (the other half of a gated
    unit); ``terms`` are the summands of a sum, each with its envelope.
    """

    G: Array
    h: Array
    source: int
    profile: tuple[Array | None, ...] = field(default=())
    parts: tuple[Gradient, ...] = ()  # at the pieces of the tensor, where they differ
    tilt: Array | None = None
    terms: tuple[Gradient, ...] = ()
    lean: Array | None = None
    along: Resolved | None = None  # moments by position, where positions are not alike

    @property
    def q(self) -> float:
        return float(self.G[(AGREE,) * self.G.ndim])

    @property
    def mean(self) -> Array:
        """The envelope that pairs of two entries see."""
        return self.h if self.lean is None else self.lean

    def envelope(self, shape: Sequence[int], R: Array, factor: Array | float = 1.0) -> Array:
        """What the envelopes, times a function of the latent, bring to each entry of the table."""
        found = grid.pair(self.mean * factor, R)
        if self.lean is not None:
            found[(AGREE,) * found.ndim] = grid.square(self.h * factor)
            for axis, n in enumerate(shape):
                if n == 1:
                    found = np.repeat(np.take(found, [AGREE], axis=axis), found.shape[axis], axis=axis)
        return found


def gradient(
    G: Array, h: Array | None = None, source: int | None = None, profile: Sequence[Array | None] = ()
) -> Gradient:
    return Gradient(G, grid.ONES if h is None else h, next(_sources) if source is None else source, tuple(profile))


def add_gradients(signal: Signal, parts: Sequence[Gradient]) -> Gradient:
    """The gradient at a tensor that is read several times."""
    by_source: dict[int, list[Gradient]] = {}
    for part in parts:
        by_source.setdefault(part.source, []).append(part)
    joined = [_coherent(signal, group) for group in by_source.values()]
    if len(joined) == 1:
        return joined[0]
    if len(signal.parts) > 1 and any(len(p.parts) == len(signal.parts) for p in joined):
        from fanin.signal.rules.shape import cut_apart, put_together

        each = [p.parts if len(p.parts) == len(signal.parts) else cut_apart(p, signal.parts, signal.joined)
                for p in joined]  # fmt: skip
        pieces = [add_gradients(x, gs) for x, *gs in zip(signal.parts, *each, strict=True)]
        return put_together(pieces, signal.parts, signal.joined)
    from fanin.signal.resolved import sum_along

    tables = table.same_states(*(p.G for p in joined))
    total = sum(tables[1:], tables[0])
    q = float(total[(AGREE,) * total.ndim])
    if q <= 0:
        return gradient(total)
    profile = _mean_profile([(p.q / q, p.profile) for p in joined])
    h2 = sum((p.q * p.h**2 for p in joined[1:]), joined[0].q * joined[0].h ** 2) / q
    terms = tuple(t for p in joined for t in (p.terms or (p,)))
    terms = terms if len(terms) <= MOST_TERMS else ()
    lean = None
    if any(p.lean is not None for p in joined):
        lean = np.sqrt(sum((p.q * p.mean**2 for p in joined[1:]), joined[0].q * joined[0].mean ** 2) / q)
    found = replace(gradient(total, np.sqrt(h2), profile=profile), terms=terms, tilt=sum_of_tilts(joined), lean=lean)
    return found if all(p.along is None for p in joined) else sum_along(found, joined, signal.shape)


def sum_of_tilts(parts: Sequence[Gradient]) -> Array | None:
    """The slopes of independent parts add in square."""
    known = [p.tilt for p in parts if p.tilt is not None]
    if not known:
        return None
    tables = table.same_states(*known)
    return np.asarray(sum(tables[1:], tables[0]))


def _mean_profile(parts: Sequence[tuple[float, tuple[Array | None, ...]]]) -> tuple[Array | None, ...]:
    """The amplitudes of a sum of independent parts, each with its share of the second moment."""
    rank = max(len(p) for _, p in parts)
    found: list[Array | None] = []
    for axis in range(rank):
        known = [p[axis] for _, p in parts if len(p) == rank and p[axis] is not None]
        if not known:
            found.append(None)
            continue
        size = len(known[0])  # type: ignore[arg-type]
        total = np.zeros(size)
        for share, p in parts:
            own = p[axis] if len(p) == rank else None
            total += share * (own**2 if own is not None and len(own) == size else 1.0)
        found.append(np.sqrt(total))
    return tuple(found)


def _coherent(signal: Signal, parts: Sequence[Gradient]) -> Gradient:
    """The sum of gradients that are one ``eps`` times different envelopes."""
    first = parts[0]
    if len(parts) == 1:
        return first
    scaled = [np.sqrt(p.q) * p.h if p.q > 0 else 0 * p.h for p in parts]
    h = sum(scaled[1:], scaled[0])
    lean = None
    if any(p.lean is not None for p in parts):
        leaning = [np.sqrt(max(p.q, 0.0)) * p.mean for p in parts]
        lean = sum(leaning[1:], leaning[0])
    biggest = max(parts, key=lambda p: p.q)
    if biggest.q <= 0:
        return first
    R = signal.R
    G, R = table.same_states(biggest.G, R)
    eps = G / np.maximum(biggest.envelope(signal.shape, R), 1e-300)
    q = grid.square(h)
    if q <= 0:
        return gradient(np.zeros_like(G), source=first.source)
    # ``eps`` was scaled for an envelope of mean square 1 and the size ``biggest.q``.
    size = np.sqrt(q)
    found = Gradient(eps, h / size, first.source, first.profile, lean=None if lean is None else lean / size)
    G = eps / biggest.q * q * found.envelope(signal.shape, R)
    return replace(found, G=G, tilt=sum_of_tilts(parts))
