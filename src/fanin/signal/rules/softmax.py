"""Softmax and attention."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp, prod

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.resolved import AVERAGED, lifted, placed, placed_back
from fanin.signal.rules.base import Rule, Weights, bases, joined_notes
from fanin.signal.rules.causal import Rows, gradients_of_logits, mixed, returned
from fanin.signal.rules.causal import rows as causal_rows
from fanin.signal.rules.linear import contracted
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE, DIFFER


@lru_cache(maxsize=4096)
def concentration(count: int, variance: float, powers: int = 2) -> float:
    """``E sum_j a_j^p`` of the softmax of ``count`` independent normal logits of this variance.

    With ``1/S^p = ∫ u^(p-1) e^(-uS) du / Γ(p)`` this is a product of two integrals over one latent.
    """
    if count == 1:
        return 1.0
    if variance < 1e-12:
        return float(count ** (1.0 - powers))
    u, whole, weighted = _transforms(variance)
    gamma = {2: 1.0, 3: 2.0}[powers]
    return float(count * np.sum(u**powers * weighted[powers] * whole ** (count - 1)) * _STEP / gamma)


_STEP = 0.08


@lru_cache(maxsize=256)
def _transforms(variance: float) -> tuple[Array, Array, dict[int, Array]]:
    """``E e^(-u x)`` of one exponential x = e^logit, and ``E x^p e^(-u x)``, at points u."""
    x = np.exp(np.sqrt(variance) * grid.Z - variance / 2)
    u = np.exp(np.arange(-45.0, 12.0, _STEP))
    damped = np.exp(-u[:, None] * x[None, :])
    return u, damped @ grid.W, {p: damped @ (grid.W * x**p) for p in (2, 3)}


def shares_of(count: int, variance: float, powers: int = 2) -> float:
    """``concentration`` between four variances where it is known, by a cubic in the logarithm: to five digits."""
    return float(shares_along((count,), variance, powers)[0])


def shares_along(counts: tuple[int, ...], variance: float, powers: int = 2) -> Array:
    """The same for rows of several lengths."""
    if variance < 1e-6:
        return np.array([concentration(n, variance, powers) for n in counts])
    at = 4 * np.log2(variance)
    start = int(np.floor(at)) - 1
    total, x = np.zeros(len(counts)), at - start
    cubic = (
        (1 - x) * (2 - x) * (3 - x) / 6,
        x * (2 - x) * (3 - x) / 2,
        x * (x - 1) * (3 - x) / 2,
        x * (x - 1) * (x - 2) / 6,
    )
    for i, weight in enumerate(cubic):
        total += weight * _concentrations(counts, 2.0 ** ((start + i) / 4), powers)
    return total


@lru_cache(maxsize=1024)
def _concentrations(counts: tuple[int, ...], variance: float, powers: int) -> Array:
    return np.array([concentration(n, variance, powers) for n in counts])


def alike(count: int, variance: float, r: float, own: float) -> float:
    """``E sum_j a_j a'_j`` of two rows whose logits have correlation r."""
    if variance < 1e-9:
        return 1 / count
    top = count * own - 1
    bottom = exp(min(variance, 60)) - 1
    return (1 + top * (exp(min(variance, 60) * r) - 1) / bottom) / count


class Softmax(Rule):
    """``softmax`` along an axis: what all logits of a row share falls out."""

    def __init__(self, axis: int, *, log: bool = False) -> None:
        super().__init__()
        self.axis, self.log = axis, log

    def spread(self, x: Signal) -> tuple[int, float]:
        M = table.plain(x.M, self.axis, x.shape[self.axis])
        top = float(M[(AGREE,) * M.ndim])
        index = [AGREE] * M.ndim
        index[self.axis] = DIFFER
        return x.shape[self.axis], max(top - float(M[tuple(index)]), 0.0)

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        if x.masked:
            return [causal(x)]
        return [attend(x, self.axis)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, g = xs[0], gs[0]
        if g is None:
            return [None]
        return [gradient(logit_gradient(g.G, x, self.axis, causal=x.masked))]


def attend(x: Signal, axis: int) -> Signal:
    """The law of a softmax along an axis."""
    n = x.shape[axis]
    M = table.plain(x.M, axis, n)
    agree, differ = np.take(M, AGREE, axis=axis), np.take(M, DIFFER, axis=axis)
    common = np.maximum(agree - differ, 0.0)  # by the other axes: what two rows' logits share, entry by entry
    variance = float(common[(AGREE,) * common.ndim])
    own = shares_of(n, variance)
    rows = (
        np.vectorize(lambda c: own if c >= variance * (1 - 1e-12) else alike(n, variance, c / variance, own))(common)
        if variance > 1e-12
        else np.full(common.shape, 1 / n)
    )
    rows = np.asarray(rows, dtype=np.float64)
    rows[(AGREE,) * rows.ndim] = own
    at = rows / n
    off = (1 - rows) / (n * (n - 1)) if n > 1 else at
    out = np.stack([off, at], axis=axis)
    psi = np.exp(np.sqrt(variance) * (grid.Z - grid.Z[-1]))
    psi = psi / grid.mean(psi) / n
    spread = grid.square(psi) - 1 / n**2
    if spread > 0:
        psi = 1 / n + (psi - 1 / n) * np.sqrt(max(own / n - 1 / n**2, 0.0) / spread)
    return make(x.shape, table.tidy(out, x.shape), psi, bases=x.bases, approx=x.approx)


def causal(x: Signal) -> Signal:
    """The softmax of rows of which the first reads one position, the second two, and so on."""
    n = x.shape[-1]
    M = table.plain(x.M, x.M.ndim - 1, n)
    variance = max(float(M[(AGREE,) * M.ndim] - M[(AGREE,) * (M.ndim - 1) + (DIFFER,)]), 0.0)
    lengths = np.unique(np.round(np.geomspace(1, n, 12)).astype(int))
    known = [shares_of(int(t), variance) for t in lengths]
    own = float(np.mean(np.interp(np.arange(1, n + 1), lengths, known)))
    t = np.arange(1, n + 1)
    other = float((2 * np.sum((t - 1) / t)) / (n * (n - 1))) if n > 1 else 1.0  # rows alike: 1 / the longer
    base = attend(x, x.M.ndim - 1)
    out = table.plain(base.M, base.M.ndim - 1, n).copy()
    for index in np.ndindex(*out.shape[:-1]):
        rows = own if all(i == AGREE for i in index) else other
        if index and index[-1] == AGREE and not all(i == AGREE for i in index):
            rows = float(np.mean(1 / t))
        out[(*index, AGREE)] = rows / n
        out[(*index, DIFFER)] = (1 - rows) / (n * (n - 1)) if n > 1 else rows / n
    return make(x.shape, table.tidy(out, x.shape), None, mean=1 / n, bases=x.bases,
                approx=joined_notes((x,), AVERAGED))  # fmt: skip


def passed_on(counts: tuple[int, ...], variance: float) -> Array:
    """``E a² (1 - 2 a + Σ a²)`` of one of n shares: what reaches its logit of gradients that are not shared."""
    two, three = (shares_along(counts, variance, p) for p in (2, 3))
    return np.asarray(np.maximum(two - 2 * three + two * two, 0.0) / np.array(counts))


def logit_gradient(G: Array, x: Signal, axis: int, *, causal: bool = False) -> Array:
    """``a (g - sum a g)``: of gradients that the entries of a row do not share."""
    n = x.shape[axis]
    G = table.plain(G, axis, n)
    M = table.plain(x.M, axis, n)
    index = [AGREE] * M.ndim
    index[axis] = DIFFER
    variance = max(float(M[(AGREE,) * M.ndim] - M[tuple(index)]), 0.0)
    share = float(passed_on((n,), variance)[0])
    if causal:
        lengths = np.unique(np.round(np.geomspace(1, n, 12)).astype(int))
        known = passed_on(tuple(map(int, lengths)), variance) * lengths
        share = float(np.mean(np.interp(np.arange(1, n + 1), lengths, known))) / n
    own = np.take(G, AGREE, axis=axis) - np.take(G, DIFFER, axis=axis)
    rows = attend(x, axis).M
    at = np.take(table.plain(rows, axis, n), AGREE, axis=axis)
    top = float(at[(AGREE,) * at.ndim])
    at, own = table.same_states(at, own) if at.ndim else (at, own)
    out = own * at / max(top, 1e-300) * share
    differ = -out / (n - 1) if n > 1 else out
    return table.tidy(np.stack([differ, out], axis=axis), x.shape)


class Attention(Rule):
    """``softmax(q kᵀ scale) v``, put together from its parts. A mask is left out."""

    takes_whole = True

    def __init__(self, scale: float | None, is_causal: bool) -> None:
        super().__init__()
        self.scale, self.causal = scale, is_causal
        self.rows: Rows | None = None

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        xs = self.widened(xs)
        q, k, v = xs[:3]
        self.logits = self.scored(q, k)
        axis = len(q.shape) - 2
        by_position = self.causal and q.shape[axis] == k.shape[axis] and axis > 0
        self.shares = attend(self.logits, axis + 1) if by_position or not self.causal else causal(self.logits)
        left, right, out, sizes = self.labels(self.shares.shape, v.shape)
        M = contracted(self.shares.M, left, v.M, right, out, sizes)
        y = make(shapes[0], table.tidy(M, shapes[0]), bases=bases(xs[:3]), approx=joined_notes((q, k, v)),
                 mean=v.mean, noise=v.noise)  # fmt: skip
        if not by_position:
            return [y]
        self.rows = causal_rows(q, k, self.scale_of(q), axis)
        return [placed(y, mixed(self.rows, v.along or lifted(v.M, v.shape, axis)))]

    def scale_of(self, q: Signal) -> float:
        return float(q.shape[-1] ** -0.5 if self.scale is None else self.scale)

    def widened(self, xs: Sequence[Signal]) -> list[Signal]:
        """Keys and values for each head of the queries, where several heads share one."""
        from fanin.signal.rules.shape import Stretch

        heads, self.times = xs[0].shape[:-2], [Stretch(), Stretch()]
        wide = [rule.forward([x], Weights({}, {}), [(*heads, *x.shape[-2:])])[0] if x.shape[:-2] != heads else x
                for rule, x in zip(self.times, xs[1:3], strict=True)]  # fmt: skip
        return [xs[0], *wide]

    def scored(self, q: Signal, k: Signal) -> Signal:
        d = q.shape[-1]
        scale = self.scale_of(q)
        rank = len(q.shape)
        batch = "abcdef"[: rank - 2]
        sizes = dict(zip(batch, q.shape[:-2], strict=True)) | {"s": q.shape[-2], "t": k.shape[-2], "z": d}
        M = contracted(q.M, batch + "sz", k.M, batch + "tz", batch + "st", sizes) * scale**2
        shape = (*q.shape[:-1], k.shape[-2])
        return make(shape, table.tidy(M, shape), bases=bases((q, k)), mean=scale * d * q.mean * k.mean)

    @staticmethod
    def labels(a: tuple[int, ...], v: tuple[int, ...]) -> tuple[str, str, str, dict[str, int]]:
        batch = "abcdef"[: len(a) - 2]
        sizes = dict(zip(batch, a[:-2], strict=True)) | {"s": a[-2], "t": a[-1], "z": v[-1]}
        return batch + "st", batch + "tz", batch + "sz", sizes

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        narrow = xs[1:3]
        q, k, v = self.widened(xs)
        g = gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 3)
        if g is None:
            return [None, None, None, *rest]
        left, right, out, sizes = self.labels(self.shares.shape, v.shape)
        G_v = table.tidy(contracted(g.G, out, self.shares.M, left, right, sizes), v.shape)
        G_a = table.tidy(contracted(g.G, out, v.M, right, left, sizes), self.shares.shape)
        scale = self.scale_of(q)
        G_s = logit_gradient(G_a, self.logits, len(q.shape) - 1, causal=self.causal and self.rows is None) * scale**2
        batch = "abcdef"[: len(q.shape) - 2]
        all_sizes = sizes | {"z": q.shape[-1]}
        G_q = contracted(G_s, batch + "st", k.M, batch + "tz", batch + "sz", all_sizes)
        G_k = contracted(G_s, batch + "st", q.M, batch + "sz", batch + "tz", all_sizes)
        back = [gradient(G) for G in (table.tidy(G_q, q.shape), table.tidy(G_k, k.shape), G_v)]
        if self.rows is not None:
            axis = len(q.shape) - 2
            Q, K, V = (x.along or lifted(x.M, x.shape, axis) for x in (q, k, v))
            G = g.along or lifted(g.G, ys[0].shape, axis)
            spread = 1 / prod(n for i, n in enumerate(q.shape) if i not in (0, axis))
            both = gradients_of_logits(self.rows, G, V, Q, K, scale, v.shape[-1], spread)
            back = [placed_back(b, x.shape, along) for b, x, along in
                    zip(back, (q, k, v), (*both, returned(self.rows, G)), strict=True)]  # fmt: skip
        found: list[Gradient | None] = [back[0]]
        for rule, x, wide, part in zip(self.times, narrow, (k, v), back[1:], strict=True):
            found += [part] if x.shape == wide.shape else rule.backward([x], [wide], [part], w)
        return [*found, *rest]
