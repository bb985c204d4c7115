"""What rules have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.state import Gradient, Signal, gradient
from fanin.signal.table import AGREE
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
    return found if g.tilt is None else replace(found, tilt=_tilted(g.tilt, x, factor))


def _tilted(tilt: Array, x: Signal, factor: Array) -> Array:
    tilt, R = table.same_states(tilt, x.R)
    return np.asarray(tilt * grid.pair(factor, R))


def stein(y: Signal, g: Gradient) -> Array | None:
    """What the gradient's envelope has to do with the input of the layer that gave y, for pairs of entries.

    An input ``x_i`` and the output are jointly normal, so that ``E x_i x_i' h h'`` is ``E x_i x_i' E h h'`` and, by
    Stein's lemma, ``cov(x_i, z)^2 E h'(z) h'(z')``: a relu opens for inputs that look like its weights. The table is
    that of the second term, for a covariance of 1.
    """
    if g.terms or g.tilt is not None:
        known = [g.tilt, *(stein(y, replace(t, tilt=None)) for t in g.terms or (g,))]
        found = table.same_states(*(k for k in known if k is not None)) if any(k is not None for k in known) else []
        return np.asarray(sum(found[1:], found[0])) if found else None
    if np.ptp(g.h) == 0 or not is_gaussian(y):
        return None
    G, R = table.same_states(g.G, y.R)
    before = g.envelope(y.shape, R)
    eps = np.where(np.abs(before) > 1e-12, G / np.where(np.abs(before) > 1e-12, before, 1.0), 0.0)
    slope = grid.pair_slope(g.mean, R)
    if g.lean is not None:
        slope[(AGREE,) * slope.ndim] = grid.pair_slope(g.h, np.ones(1))[0]
    return np.asarray(eps * slope)


def same_latent(a: Signal, b: Signal) -> bool:
    """Whether two tensors are functions of one latent, entry by entry."""
    return a.root == b.root and a.shape == b.shape


def is_gaussian(x: Signal) -> bool:
    return bool(np.allclose(x.psi, x.mean + np.sqrt(x.variance) * grid.Z, rtol=0, atol=1e-9 * (np.sqrt(x.q) + 1e-300)))


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


def unchanged(g: Gradient | None, G: Array) -> Gradient | None:
    """The same gradient with its axes in another order or number."""
    return None if g is None else Gradient(G, g.h, g.source, (None,) * G.ndim, lean=g.lean)
