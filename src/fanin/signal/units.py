"""Tensors as numbers drawn for a few units, where what happened before decides what weights give now.

Weights that are met again, at another step of a recurrence or another depth, give numbers that hang together with those
from before. In a wide layer they are jointly normal, with covariances ``n var(w) E x x' + var(b)`` over all meetings
(Yang 2019, "Wide feedforward or recurrent neural networks of any architecture are Gaussian processes"; Chen, Pennington
and Schoenholz 2018). So a layer stands for ``COUNT`` units drawn from that law, from fixed random numbers; functions,
products and sums of what they give are exact on them.

A tensor is kept at a few points of its axes before the last: the places along an axis that is resolved (time), and two
that differ along one whose places are alike (samples of a batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from fanin.signal import grid
from fanin.signal.grid import Array

COUNT = 2048
"""Units that stand for a layer: second moments vary by 3 % and less between sets of so many."""


@dataclass(frozen=True)
class Units:
    """Numbers [points..., COUNT] for each of the pieces that lie along the last axis, with the width of each.

    ``process`` and ``rows`` are of a tensor straight from weights: what other units of the same layer would give.
    """

    shape: tuple[int, ...]
    pieces: tuple[tuple[int, Array], ...]
    process: Process | None = None
    rows: slice | None = None
    shift: float = 0.0

    @property
    def points(self) -> tuple[int, ...]:
        return tuple(self.pieces[0][1].shape[:-1])

    def flat(self) -> list[tuple[int, Array]]:
        """The pieces as [points, COUNT]."""
        return [(width, v.reshape(-1, v.shape[-1])) for width, v in self.pieces]

    def like(self, values: Sequence[Array], shape: tuple[int, ...] | None = None) -> Units:
        widths = [width for width, _ in self.pieces]
        return Units(self.shape if shape is None else shape, tuple(zip(widths, values, strict=True)))


@dataclass(frozen=True)
class Placed(Units):
    """A gradient at one place along an axis of a tensor; elsewhere there is none. ``shape`` is that of the place."""

    axis: int = 0
    place: int = 0

    def add_to(self, total: Sequence[Array]) -> None:
        """Add it to numbers of the whole tensor."""
        index = (slice(None),) * self.axis + (self.place,)
        for own, (_, values) in zip(total, self.pieces, strict=True):
            own[index] += values


def constant(shape: tuple[int, ...], value: float) -> Units:
    """A tensor whose entries are one number."""
    points = tuple(min(n, 2) for n in shape[:-1])
    return Units(shape, ((shape[-1] if shape else 1, np.full((*points, COUNT), value)),))


@lru_cache(maxsize=1)
def _quantiles() -> Array:
    return grid.quantiles(COUNT)


@dataclass
class Space:
    """One set of random numbers, and the maps with fixed weights that were met so far."""

    processes: dict[object, Process] = field(default_factory=dict)
    uses: dict[object, list[tuple[Units, Units]]] = field(default_factory=dict)  # what came in, what came back
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(20190))

    def process(self, key: object) -> Process:
        if key not in self.processes:
            self.processes[key] = Process(self)
        return self.processes[key]

    def normal(self, count: int) -> Array:
        """Rows of standard normal numbers: each a shuffled set of quantiles, so that their own law is exact."""
        return np.asarray(self.generator.permuted(np.broadcast_to(_quantiles(), (count, COUNT)), axis=1))

    def uniform(self, shape: tuple[int, ...]) -> Array:
        return self.generator.random(shape)


class Rows:
    """Rows of numbers to which more are put; room for them doubles."""

    def __init__(self) -> None:
        self.room, self.count = np.empty((8, COUNT)), 0

    @property
    def all(self) -> Array:
        return self.room[: self.count]

    def put(self, rows: Array) -> None:
        if self.count + len(rows) > len(self.room):
            room = np.empty((2 * (self.count + len(rows)), COUNT))
            room[: self.count] = self.all
            self.room = room
        self.room[self.count : self.count + len(rows)] = rows
        self.count += len(rows)


@dataclass
class Stream:
    """A set of units: what they gave for the rows that were met, and the independent numbers that it was made of."""

    known: Rows = field(default_factory=Rows)
    noise: Rows = field(default_factory=Rows)


@dataclass
class Process:
    """What a map with fixed normal weights gives, meeting after meeting: jointly normal numbers.

    ``pieces`` are what came in: for each the numbers [rows, COUNT] and, in ``factors``, the variance that a unit of it
    brings. ``streams`` are sets of units: the parts of an output are different units of one layer.
    """

    space: Space
    factors: list[float] = field(default_factory=list)
    pieces: list[Rows] = field(default_factory=list)
    K: Array = field(default_factory=lambda: np.zeros((0, 0)))
    moves: list[tuple[Array, Array]] = field(default_factory=list)
    streams: dict[int, Stream] = field(default_factory=dict)

    def meet(self, pieces: Sequence[tuple[float, Array]]) -> slice:
        """Rows of new inputs, each piece with its factor; the rows of the outputs."""
        if not self.pieces:
            self.factors = [factor for factor, _ in pieces]
            self.pieces = [Rows() for _ in pieces]
        count, before = len(pieces[0][1]), len(self.K)
        own, cross = np.zeros((count, count)), np.zeros((count, before))
        for (factor, values), known in zip(pieces, self.pieces, strict=True):
            own += factor * (values @ values.T) / values.shape[-1]
            if before:
                cross += factor * (values @ known.all.T) / values.shape[-1]
            known.put(values)
        if before:
            scale = float(np.trace(self.K)) / before
            A = np.linalg.solve(self.K + (1e-9 * scale + 1e-300) * np.eye(before), cross.T).T
        else:
            A = np.zeros((count, 0))
        values, vectors = np.linalg.eigh(own - A @ cross.T)
        self.moves.append((A, vectors * np.sqrt(np.maximum(values, 0.0))))
        self.K = np.block([[self.K, cross.T], [cross, own]])
        return slice(before, before + count)

    def values(self, rows: slice | None, stream: int = 0) -> Array:
        """What a set of units gives for rows that were met."""
        found = self.streams.setdefault(stream, Stream())
        for A, C in self.moves:
            if A.shape[1] < found.known.count:
                continue
            fresh = self.space.normal(len(C))
            fresh -= (fresh @ found.noise.all.T) @ found.noise.all / COUNT
            # Gram and Schmidt's rows, all at once: those of the inverse of Cholesky's factor.
            fresh = np.linalg.solve(np.linalg.cholesky(fresh @ fresh.T / COUNT), fresh)
            found.noise.put(fresh)
            found.known.put(C @ fresh + A @ found.known.all)
        return found.known.all if rows is None else found.known.all[rows]


@dataclass(frozen=True)
class Meeting:
    """Where an op is applied: ``key`` names its weights."""

    space: Space
    key: object


@dataclass(frozen=True)
class Sent:
    """A gradient on its way back through the weights ``key``: for each piece of it the variance that a unit brings."""

    key: object
    pieces: tuple[tuple[float, Array], ...]


def counts(shape: Sequence[int], points: Sequence[int]) -> Array:
    """For how many pairs of places of a tensor each pair of its points stands: [points, points]."""
    found: Array = np.ones((1, 1))
    for n, k in zip(shape, points, strict=True):
        if k == n:
            own = np.ones((k, k))
        else:
            own = np.full((k, k), n * (n - 1) / (k * (k - 1)) if k > 1 else 0.0)
            np.fill_diagonal(own, n / k)
        found = np.kron(found, own)
    return found


def table_of(u: Units) -> Array:
    """The table of second moments of a tensor, by which axes two entries agree on."""
    total = sum(width for width, _ in u.pieces)
    lead, k = u.points, len(u.points)
    agree: Array = np.zeros((int(np.prod(lead)),) * 2)
    mean: Array = np.zeros(len(agree))
    for width, v in u.flat():
        agree += width / total * (v @ v.T) / v.shape[-1]
        mean += width / total * v.mean(axis=-1)
    tables = []
    for pairs in (np.outer(mean, mean), agree):
        found = pairs.reshape(*lead, *lead)
        for done, i in enumerate(reversed(range(k))):
            n = lead[i]
            same = np.trace(found, axis1=done + i, axis2=-1)
            every = found.sum(axis=(done + i, -1))
            found = np.stack([same / n if n == 1 else (every - same) / (n * (n - 1)), same / n])
        tables.append(found)
    M = np.stack(tables, axis=-1)
    return np.asarray(M if u.shape[-1] > 1 else np.stack([M[..., 1], M[..., 1]], axis=-1))


def heights(u: Units) -> list[Array | None]:
    """The amplitudes along axes that are resolved, with mean square 1, where they differ."""
    total = sum(width for width, _ in u.pieces)
    square = sum(width / total * np.mean(v * v, axis=-1) for width, v in u.pieces)
    found: list[Array | None] = []
    for axis, (n, k) in enumerate(zip(u.shape, u.points, strict=False)):
        own = np.asarray(square).mean(axis=tuple(i for i in range(len(u.points)) if i != axis))
        flat = k != n or k <= 2 or own.mean() <= 0 or np.ptp(own) < 1e-3 * own.mean()
        found.append(None if flat else np.sqrt(own / own.mean()))
    return [*found, None]


def pairs_of(M: Array, points: Sequence[int]) -> Array:
    """A table's entries for each pair of points, within one channel: [points, points]."""
    at = np.array(list(np.ndindex(*points))).reshape(-1, len(points))
    same = (at[:, None, :] == at[None, :, :]).astype(int)
    return np.asarray(M[(*(same[..., i] for i in range(len(points))), np.ones(same.shape[:2], dtype=int))])
