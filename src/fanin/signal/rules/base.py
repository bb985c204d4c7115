"""What rules have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.resolved import Resolved, carried, latents, lifted, placed_back, resolved_in
from fanin.signal.state import Gradient, Signal, gradient, is_gaussian
from fanin.signal.table import AGREE, DIFFER
from fanin.signal.units import Meeting, Sent, Units


class Cannot(Exception):
    """Nothing is known behind an op; the message says why."""


class Weights:
    """Mean and variance of the numbers of each parameter of a step, and what its gradients come to."""

    def __init__(self, laws: dict[str, tuple[float, float]], sizes: dict[str, int]) -> None:
        self.laws = laws
        self.sizes = sizes

    def mean(self, name: str) -> float:
        return self.laws.get(name, (0.0, 0.0))[0]

    def var(self, name: str) -> float:
        return self.laws.get(name, (0.0, 0.0))[1]

    def __contains__(self, name: str) -> bool:
        return name in self.laws


class Rule(ABC):
    """How an op passes on what is known. One object for each application of the op."""

    takes_whole = False
    """Whether it takes tensors of whole numbers or bools of which nothing is known."""

    def __init__(self) -> None:
        self.norms: dict[str, float] = {}  # E of the squared length of the gradient of each parameter

    @abstractmethod
    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        """The laws of the outputs, of these shapes. Raises Cannot."""

    @abstractmethod
    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        """The gradients at the inputs, given those at the outputs (None where nothing comes back)."""

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        """The same for units that are drawn, where weights are met again. Raises Cannot."""
        raise Cannot("its weights are met again")

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        """The gradients in front of ``drawn``: a ``Gradient`` where an input was stretched."""
        raise Cannot("its weights are met again")


def joined_notes(xs: Sequence[Signal], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for x in xs for note in x.approx)) + tuple(more)


def bases(xs: Sequence[Signal]) -> frozenset[int]:
    return frozenset().union(*(x.bases for x in xs))


def scaled_by(g: Gradient, x: Signal, factor: Array, source: int | None = None) -> Gradient:
    """A gradient times a function of the latent of the tensor it belongs to."""
    h = g.h * factor
    size = grid.square(h)
    G, R = table.same_states(g.G, x.R)
    if size <= 0:
        return gradient(np.zeros_like(G), source=g.source if source is None else source, profile=g.profile)
    before = g.envelope(x.shape, R)
    eps = np.where(np.abs(before) > 1e-12, G / np.where(np.abs(before) > 1e-12, before, 1.0), 0.0)
    after = eps * g.envelope(x.shape, R, factor)
    terms = tuple(scaled_by(t, x, factor) for t in g.terms)
    lean = None if g.lean is None else g.lean * factor / np.sqrt(size)
    found = Gradient(
        after, h / np.sqrt(size), g.source if source is None else source, g.profile, terms=terms, lean=lean
    )
    if g.tilt is not None:
        found = replace(found, tilt=_tilted(g.tilt, x, factor))
    axis = resolved_in(x, g)
    return found if axis is None else placed_back(found, x.shape, enveloped(g, x, axis, factor))


def enveloped(g: Gradient, x: Signal, axis: int, factor: Array) -> Resolved:
    """A gradient's moments by position, with a function of the latent of its tensor times its envelope."""
    known = g.along or lifted(g.G, x.shape, axis)
    R = latents(x, axis)
    before, after = R.map(lambda r: grid.pair(g.mean, r)), R.map(lambda r: grid.pair(g.mean * factor, r))
    before.own[:], after.own[:] = grid.square(g.h), grid.square(g.h * factor)
    return known.and_(before.and_(after, lambda b, a: a / np.where(np.abs(b) > 1e-12, b, np.inf)), np.multiply)


def _tilted(tilt: Array, x: Signal, factor: Array) -> Array:
    tilt, R = table.same_states(tilt, x.R)
    return np.asarray(tilt * grid.pair(factor, R))


def stein(x: Signal, y: Signal, g: Gradient, bias: float, channel: int, strided: Sequence[int] = ()) -> Array | None:
    """What the gradient's envelope has to do with the input x of the layer that gave y, for pairs of entries.

    A relu opens for inputs that look like its weights, so that ``E x x' h h'`` is more than the product of moments. To
    first order in the variance of one weight it is more by that variance times

        ``Σ (E x x' u u' - E x x' E u u') E h'(z) h'(z') + (E x x' u² - E x x' E u²) E h''(z) h(z')``

    over all inputs u, which for a normal x is Stein's lemma; for an entry with itself the two slopes together are
    ``E h² (z² - 1) / 2``. The table, over y, is that of all inputs x of a unit. ``bias`` is the variance that its bias
    brings to y; neighbours along ``strided`` axes of y are farther apart in x.
    """
    if g.terms or g.tilt is not None:
        known = [None if g.tilt is None else g.tilt * x.q]
        known += [stein(x, y, replace(t, tilt=None), bias, channel, strided) for t in g.terms or (g,)]
        found = table.same_states(*(k for k in known if k is not None)) if any(k is not None for k in known) else []
        return np.asarray(sum(found[1:], found[0])) if found else None
    if np.ptp(g.h) == 0 or not is_gaussian(y) or x.q <= 0 or y.variance <= 0:
        return None
    G, R = table.same_states(g.G, y.R)
    before = g.envelope(y.shape, R)
    eps = np.where(np.abs(before) > 1e-12, G / np.where(np.abs(before) > 1e-12, before, 1.0), 0.0)
    second, third = _fourths(x, R.shape, channel, strided)
    own = (AGREE,) * R.ndim
    slope, bend = grid.pair_slope(g.mean, R), grid.pair_bend(g.mean, R)
    slope[own], bend[own] = grid.mean(g.h**2 * (grid.Z**2 - 1)) / 2, 0.0
    return np.asarray(eps * (second * slope + third * bend) * max(1 - bias / y.variance, 0.0) / x.q)


def _fourths(x: Signal, states: tuple[int, ...], channel: int, strided: Sequence[int]) -> tuple[Array, Array]:
    """``Σ E x x' u u' - E x x' E u u'`` and ``Σ E x x' u² - E x x' E u²`` over the inputs u of a unit, with x among
    them, for pairs of one channel and a table of these states. Of two inputs the fourth moments are a normal law's."""
    M, R = table.same_states(x.M, x.R)
    n, m2, own = x.shape[channel], x.mean**2, (AGREE,) * (x.M.ndim - 1)
    agree, differ = (np.take(M, [i], axis=channel) for i in (AGREE, DIFFER))
    r = np.take(R, [AGREE], axis=channel)
    between = differ - m2 if n > 1 else np.zeros_like(differ)
    inside = float(np.take(between, 0, axis=channel)[own])
    found = []
    for fourth, others in (
        (grid.pair(x.psi**2, r) - agree**2, between**2 + inside**2),
        (grid.pair(x.psi**3, r, x.psi) - x.q * agree, 2 * inside * between),
    ):
        F = np.repeat(fourth + (n - 1) * others, states[channel], axis=channel)
        for axis, count in enumerate(states):
            F = table.lagged(F, axis) if count == 3 else table.plain(F, axis, x.shape[axis])
            if count == 3 and axis in strided:
                F = np.take(F, [DIFFER, AGREE, DIFFER], axis=axis)
        found.append(F)
    return found[0], found[1]


def same_latent(a: Signal, b: Signal) -> bool:
    """Whether two tensors are functions of one latent, entry by entry."""
    return a.root == b.root and a.shape == b.shape


def folded(G: Array, shape: Sequence[int], to: Sequence[int]) -> Array:
    """The table of a gradient summed over the axes along which a tensor of shape ``to`` was stretched."""
    extra = len(shape) - len(to)
    for axis in range(len(shape)):
        own = to[axis - extra] if axis >= extra else 1
        if own == 1 and shape[axis] > 1:
            mean = np.expand_dims(table.average(G, axis, shape[axis]), axis)
            G = np.repeat(mean, 2, axis=axis) * shape[axis] ** 2
        elif own == 1 and G.shape[axis] == 3:
            G = table.plain(G, axis, 1)
    for _ in range(extra):
        G = np.take(G, AGREE, axis=0)
    return G


def unchanged(
    g: Gradient | None, G: Array, shape: Sequence[int] = (), y: Sequence[int] = (), axis: int | None = None
) -> Gradient | None:
    """The same gradient with its axes in another order or number; ``axis`` is where the resolved one is."""
    if g is None:
        return None
    found = Gradient(G, g.h, g.source, (None,) * G.ndim, lean=g.lean)
    return placed_back(found, shape, carried(g.along, g.G, y, G, shape, axis))
