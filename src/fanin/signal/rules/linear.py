"""Maps with weights drawn independently: dense layers, tables, contractions of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import comb, pi, prod

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.resolved import lifted, pairs_met, placed, placed_back, resolved_in
from fanin.signal.rules.base import Cannot, Rule, Weights, bases, joined_notes, stein
from fanin.signal.state import Gradient, Signal, gradient, is_gaussian, make
from fanin.signal.table import AGREE, DIFFER
from fanin.signal.units import Meeting, Sent, Units


def kurtosis(x: Signal) -> float:
    """``E x^4 / (E x^2)^2 - 1``: what each unit adds to the spread of a squared length (Hanin 2018)."""
    q = grid.square(x.psi)
    return float(grid.W @ (x.psi / np.sqrt(q)) ** 4) - 1 if q > 0 else 0.0


@lru_cache(maxsize=1024)
def log_noise(n: float, kappa: float) -> float:
    """What a layer of n units adds to the variance of the logarithm of a squared length.

    With Gaussian weights the length is that of n normal numbers times the activations: for linear units (kappa 2) the
    variance of ln of a chi-square, the trigamma function of n / 2; for relu (kappa 5) K of the units are on, and it is
    E ψ'(K/2) + Var ψ(K/2) given K >= 1 (Hanin and Nica 2019, section 2). Otherwise kappa / n, which both come to for
    many units.
    """
    whole = round(n)
    if whole < 1 or whole > 256 or abs(n - whole) > 1e-9:
        return kappa / n
    if abs(kappa - 2) < 0.05:
        return _trigamma(whole)
    if abs(kappa - 5) > 0.05:
        return kappa / n
    chance = np.array([comb(whole, k) for k in range(1, whole + 1)], dtype=float)
    chance /= chance.sum()
    psi = np.array([_digamma(k) for k in range(1, whole + 1)])
    inner = float(chance @ np.array([_trigamma(k) for k in range(1, whole + 1)]))
    return inner + float(chance @ psi**2) - float(chance @ psi) ** 2


@lru_cache(maxsize=1024)
def _digamma(k: int) -> float:
    """ψ(k / 2), from ψ(1/2) and ψ(1) by ψ(x + 1) = ψ(x) + 1/x."""
    value, at = (-0.5772156649015329, 1.0) if k % 2 == 0 else (-1.9635100260214235, 0.5)
    while at < k / 2 - 1e-9:
        value, at = value + 1 / at, at + 1
    return value


@lru_cache(maxsize=1024)
def _trigamma(k: int) -> float:
    """ψ'(k / 2), from ψ'(1/2) and ψ'(1) by ψ'(x + 1) = ψ'(x) - 1/x²."""
    value, at = (pi**2 / 6, 1.0) if k % 2 == 0 else (pi**2 / 2, 0.5)
    while at < k / 2 - 1e-9:
        value, at = value - 1 / at**2, at + 1
    return value


class Dense(Rule):
    """``y = x Wᵀ + b`` over the last axis. Source: Poole et al. 2016, eq. 3 and 5, for every pair of entries."""

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        (x,), (shape,) = xs, shapes
        n = x.shape[-1]
        M = table.plain(x.M, x.M.ndim - 1, n)
        agree, mean = M[..., AGREE], table.average(M, M.ndim - 1, n)
        shared = w.mean("weight") ** 2 * n * n * mean + w.mean("bias") ** 2
        own = n * w.var("weight") * agree + w.var("bias")
        out = np.stack([shared, shared + own], axis=-1)
        noise = x.noise + log_noise(n, round(kurtosis(x), 3)) if w.var("weight") > 0 else x.noise
        y = make(shape, table.tidy(out, shape), bases=x.bases, profile=(*x.profile[:-1], None), noise=noise,
                 approx=x.approx, mean=w.mean("weight") * n * x.mean + w.mean("bias"))  # fmt: skip
        if x.along is None or w.mean("weight"):
            return [y]
        plus = w.mean("bias") ** 2 + w.var("bias")
        return [placed(y, x.along.map(lambda K: n * w.var("weight") * K + plus))]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x,), (y,), (g,) = xs, ys, gs
        if g is None:
            return [None]
        n, out = x.shape[-1], y.shape[-1]
        G = table.plain(g.G, g.G.ndim - 1, out)
        agree, mean = G[..., AGREE], table.average(G, G.ndim - 1, out)
        equal = w.mean("weight") ** 2 * out * out * mean
        M = table.plain(x.M, x.M.ndim - 1, n)[..., AGREE]
        others = x.shape[:-1]
        count = prod(others) ** 2
        a, b = table.same_states(M, agree) if M.ndim else (M, agree)
        self.norms["weight"] = n * out * count * float(_average_all(a * b, others))
        self.norms["bias"] = out * count * float(_average_all(agree, others))
        own = stein(x, y, g, w.var("bias"), x.M.ndim - 1)
        if own is not None and others:
            self.norms["weight"] += (
                out * count * float(_average_all(table.plain(own, own.ndim - 1, out)[..., AGREE], others))
            )
        G_in = np.stack([equal, equal + out * w.var("weight") * agree], axis=-1)
        axis = resolved_in(x, g)
        if axis is None or len(x.shape) != 3:
            self.norms["weight"] *= _together(x.profile, g.profile)
        else:
            both = (x.along or lifted(x.M, x.shape, axis)).and_(g.along or lifted(g.G, y.shape, axis), np.multiply)
            self.norms["weight"] += n * out * (pairs_met(both, x.shape) - count * float(_average_all(a * b, others)))
        back = gradient(table.tidy(G_in, x.shape), profile=(*g.profile[:-1], None) if g.profile else ())
        if g.along is not None and not w.mean("weight"):
            back = placed_back(back, x.shape, g.along.map(lambda K: out * w.var("weight") * K))
        if g.tilt is not None and x.bases & y.bases:
            inner = out * w.var("weight") * table.plain(g.tilt, g.tilt.ndim - 1, out)[..., AGREE]
            back = replace(back, tilt=table.tidy(np.stack([np.zeros_like(inner), inner], axis=-1), x.shape))
        return [back]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        (x,), (shape,) = xs, shapes
        if w.mean("weight"):
            raise Cannot("its weights are met again and have a mean")
        process = at.space.process((at.key, "forwards"))
        pieces = [(width * w.var("weight"), v) for width, v in x.flat()]
        rows = process.meet([*pieces, (w.var("bias"), np.ones_like(pieces[0][1]))])
        values = process.values(rows).reshape(*x.points, -1) + w.mean("bias")
        return [Units(shape, ((shape[-1], values),), process, rows, w.mean("bias"))]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        if gs[0] is None:
            return [None]
        at.space.uses.setdefault(at.key, []).append((xs[0], gs[0]))
        return [Sent(at.key, tuple((width * w.var("weight"), v) for width, v in gs[0].flat()))]


def _together(x: Sequence[Array | None], g: Sequence[Array | None]) -> float:
    """By how much more the gradient meets what comes in where both are large at the same positions."""
    factor = 1.0
    for a, b in zip(x, g, strict=False):
        if a is not None and b is not None and len(a) == len(b):
            factor *= float(np.mean(a**2 * b**2))
    return factor


def _average_all(M: Array, shape: Sequence[int]) -> Array:
    for axis in reversed(range(len(shape))):
        M = table.average(M, axis, shape[axis])
    return M


class Lookup(Rule):
    """Rows of a table by their numbers, which are taken to be uniform."""

    takes_whole = True

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        (shape,) = shapes
        m, v = w.mean("weight"), w.var("weight")
        M = np.full((2,) * len(shape), m * m)
        M[..., AGREE] += v / self.rows
        M[(AGREE,) * len(shape)] = m * m + v
        return [make(shape, table.tidy(M, shape), mean=m)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (y,), (g,) = ys, gs
        if g is not None:
            G = table.plain(g.G, g.G.ndim - 1, y.shape[-1])[..., AGREE]
            others = y.shape[:-1]
            for axis in range(G.ndim):
                G = table.plain(G, axis, others[axis])
            count = prod(others)
            same = count * float(G[(AGREE,) * G.ndim])
            rest = (count**2 * float(_average_all(G, others)) - same) / self.rows
            self.norms["weight"] = y.shape[-1] * (same + rest)
        return [None for _ in xs]


class Contract(Rule):
    """``einsum`` of two tensors that are independent: what they share and the result lacks is summed over."""

    def __init__(self, left: str, right: str, out: str) -> None:
        super().__init__()
        self.left, self.right, self.out = left, right, out

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, y = xs
        sizes = {**dict(zip(self.left, x.shape, strict=True)), **dict(zip(self.right, y.shape, strict=True))}
        for labels, s in ((self.left, x.shape), (self.right, y.shape)):
            for label, n in zip(labels, s, strict=True):
                sizes[label] = max(sizes[label], n)
        M = contracted(x.M, self.left, y.M, self.right, self.out, sizes)
        over = prod(n for k, n in sizes.items() if k not in self.out)
        mean = over * x.mean * y.mean
        notes = joined_notes(xs)
        if x.root == y.root or (x.bases & y.bases and not (is_gaussian(x) or is_gaussian(y) or x.learned or y.learned)):
            notes += ("a product of tensors that share a part",)
        learned = y if y.learned else x if x.learned else None
        n = over * prod(sizes[k] for k in self.out if k in self.left) if learned is None else over
        data = x if learned is y else y
        noise = x.noise + y.noise + (kurtosis(data) / max(n, 1) if learned is not None else 0.0)
        return [make(shapes[0], M, bases=bases(xs), noise=noise, approx=notes, mean=mean)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x, y), (g,) = xs, gs
        if g is None:
            return [None, None]
        sizes = {**dict(zip(self.left, x.shape, strict=True)), **dict(zip(self.right, y.shape, strict=True))}
        sizes |= dict(zip(self.out, ys[0].shape, strict=True))
        found: list[Gradient | None] = []
        for own, own_labels, other, labels in ((x, self.left, y, self.right), (y, self.right, x, self.left)):
            G = contracted(g.G, self.out, other.M, labels, own_labels, sizes)
            found.append(gradient(table.tidy(G, own.shape)))
        return found

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        """A product with a matrix of the network's own, as a dense layer."""
        if at.key in (None, "") or len(self.right) != 2 or self.left[-1] != self.right[0] or self.out != (
            self.left[:-1] + self.right[1]
        ):  # fmt: skip
            raise Cannot("it is a product of two tensors")
        matrix = xs[1].pieces[0][1]
        return Dense().drawn(xs[:1], Weights({"weight": (0.0, float(np.mean(matrix**2)))}, {}), shapes, at)

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        laws = Weights({"weight": (0.0, float(np.mean(xs[1].pieces[0][1] ** 2)))}, {})
        return [*Dense().drawn_back(xs[:1], ys, gs, laws, at), None]


def contracted(a: Array, left: str, b: Array, right: str, out: str, sizes: dict[str, int]) -> Array:
    """The table of ``einsum``, of two tables that multiply pair by pair."""
    every = "".join(dict.fromkeys(out + left + right))
    tables = []
    for M, labels in ((a, left), (b, right)):
        order = [labels.index(k) for k in every if k in labels]
        M = np.transpose(M, order)
        for i, k in enumerate(every):
            if k not in labels:
                M = np.expand_dims(M, i)
                M = np.repeat(M, 2, axis=i)
        tables.append(M)
    first, second = table.same_states(*tables)
    product = first * second
    for i in reversed(range(len(out), len(every))):
        n = sizes[every[i]]
        product = table.average(product, i, n) * n * n
    return product


__all__ = ["AGREE", "DIFFER", "Cannot", "Contract", "Dense", "Lookup", "contracted", "kurtosis"]
