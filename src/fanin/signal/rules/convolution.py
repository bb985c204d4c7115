"""Convolutions: windows with weights drawn independently, and zeros around the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from fanin.signal import table
from fanin.signal.grid import Array
from fanin.signal.rules.base import Rule, Weights, stein
from fanin.signal.rules.linear import kurtosis
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE, NEAR


def classes(lag: Array) -> Array:
    """0 for pairs farther apart than 1, 1 for the same position, 2 for neighbours."""
    return np.where(lag == 0, 1, np.where(lag == 1, 2, 0))


def lag_map(source: Array, weights: Array, *, coherent: bool = False) -> Array:
    """How classes of pairs of output positions are made of classes of pairs of input positions.

    ``source`` [taps, P] is the input position that a tap of an output reads (below 0: none), ``weights`` [taps, P] the
    amplitude found there. Entry (o, i) is the mean, over pairs of outputs of class o, of the products of amplitudes of
    pairs of class i that meet the same tap, or with ``coherent`` any two taps.
    """
    taps, count = source.shape
    p = np.arange(count)
    out_class = classes(np.abs(p[:, None] - p[None, :]))
    found = np.zeros((3, 3))
    sizes = np.bincount(out_class.ravel(), minlength=3)
    pairs = [(a, b) for a in range(taps) for b in (range(taps) if coherent else (a,))]
    for a, b in pairs:
        valid = (source[a][:, None] >= 0) & (source[b][None, :] >= 0)
        product = weights[a][:, None] * weights[b][None, :] * valid
        inner = classes(np.abs(source[a][:, None] - source[b][None, :]))
        found += np.bincount((3 * out_class + inner).ravel(), product.ravel(), 9).reshape(3, 3)
    return found / np.maximum(sizes, 1)[:, None]


def profile_of(source: Array, weights: Array) -> tuple[Array, float]:
    """The amplitude of each output position (mean square 1), and the mean square it was brought from."""
    square = np.sum(np.where(source >= 0, weights**2, 0.0), axis=0)
    mean = float(square.mean())
    return np.sqrt(square / mean) if mean > 0 else np.ones_like(square), mean


@lru_cache(maxsize=4096)
def _windows(n: int, count: int, kernel: int, stride: int, padding: int, dilation: int, mode: str = "zeros") -> Array:
    at = np.arange(count)[None, :] * stride - padding + np.arange(kernel)[:, None] * dilation
    if mode == "circular":
        return np.asarray(at % n)
    if mode == "replicate":
        return np.asarray(np.clip(at, 0, n - 1))
    if mode == "reflect" and n > 1:
        at = np.abs(at) % (2 * n - 2)
        return np.asarray(np.where(at < n, at, 2 * n - 2 - at))
    return np.where((at >= 0) & (at < n), at, -1)


def taps_inside(n: int, count: int, window: tuple[Any, ...]) -> float:
    """The mean share of the taps of a window that meet an axis of size n, and not what is padded around it."""
    return float((_windows(n, count, *window) >= 0).mean())


@lru_cache(maxsize=4096)
def _returns(n: int, count: int, kernel: int, stride: int, padding: int, dilation: int, mode: str = "zeros") -> Array:
    """For each tap and input position, the output that reads it through this tap; copies in a padding are left out."""
    at = np.arange(n)[None, :] + padding - np.arange(kernel)[:, None] * dilation
    out = at // stride
    return np.where((at % stride == 0) & (out >= 0) & (out < count), out, -1)


def amplitudes(source: Array, profile: Array | None) -> Array:
    if profile is None:
        return np.where(source >= 0, 1.0, 0.0)
    return np.where(source >= 0, profile[np.maximum(source, 0)], 0.0)


@lru_cache(maxsize=4096)
def _adaptive(n: int, count: int) -> Array:
    """The windows of a pooling to a given size: from ⌊i n / count⌋ to ⌈(i + 1) n / count⌉."""
    starts = [i * n // count for i in range(count)]
    stops = [-(-(i + 1) * n // count) for i in range(count)]
    most = max(b - a for a, b in zip(starts, stops, strict=True))
    rows = [[a + t if a + t < b else -1 for a, b in zip(starts, stops, strict=True)] for t in range(most)]
    return np.array(rows)


@lru_cache(maxsize=4096)
def _adaptive_back(n: int, count: int) -> tuple[Array, Array]:
    """For each input position the outputs that read it, and what share of each it is."""
    windows = _adaptive(n, count)
    lengths = (windows >= 0).sum(axis=0)
    readers: list[list[int]] = [[int(o) for o in range(count) if p in windows[:, o]] for p in range(n)]
    most = max(map(len, readers))
    source = np.array([[r[t] if t < len(r) else -1 for r in readers] for t in range(most)])
    return source, np.where(source >= 0, 1 / lengths[np.maximum(source, 0)], 0.0)


@lru_cache(maxsize=4096)
def _cached(key: tuple[object, ...], data: bytes | None, coherent: bool) -> tuple[Array, Array, float]:
    kind, *window = key
    make_source = _windows if kind == "windows" else _returns
    source = make_source(*window)
    weights = amplitudes(source, None if data is None else np.frombuffer(data))
    found, mean = profile_of(source, weights)
    return lag_map(source, weights, coherent=coherent), found, mean


def mapping(
    kind: str,
    n: int,
    count: int,
    window: tuple[Any, ...],
    profile: Array | None,
    coherent: bool = False,
) -> tuple[Array, Array]:
    """The lag map and the profile behind it, remembered for equal layers."""
    data = None if profile is None else np.round(profile, 9).tobytes()
    found, shape, _ = _cached((kind, n, count, *window), data, coherent)
    return found, shape


def spread_of(profile: Array | None) -> Array:
    """The mean product of the amplitudes of pairs, for each class of lag."""
    if profile is None or len(profile) == 1:
        return np.ones(3)
    n = len(profile)
    p = np.arange(n)
    lag = classes(np.abs(p[:, None] - p[None, :])).ravel()
    sizes = np.bincount(lag, minlength=3)
    total = np.bincount(lag, np.outer(profile, profile).ravel(), 3)
    return np.where(sizes > 0, total / np.maximum(sizes, 1), 1.0)


def flat(profile: Array | None) -> Array | None:
    return None if profile is None or np.ptp(profile) < 1e-9 else profile


def through(M: Array, axis: int, lags: Array, n: int, profile: Array | None) -> Array:
    """A table behind a lag map along an axis."""
    M = table.lagged(M, axis)
    if n == 1:
        M = np.concatenate([np.take(M, [AGREE], axis=axis)] * 3, axis=axis)
    shares = spread_of(profile)
    shape = [1] * M.ndim
    shape[axis] = 3
    M = M / np.maximum(shares, 1e-12).reshape(shape)
    return np.moveaxis(np.tensordot(lags, M, axes=([1], [axis])), 0, axis)


class Convolve(Rule):
    """Windows over the last axes. ``windows`` are (kernel, stride, padding, dilation) of each.

    A convolution multiplies by the number of taps that meet the input: at the edge some read zeros. Offsets do not mix,
    since weights of different taps are independent. Source: Xiao et al. 2018, eq. 2.9.
    """

    def __init__(
        self,
        windows: Sequence[tuple[int, int, int, int]],
        groups: int,
        *,
        transposed: bool = False,
        mode: str = "zeros",
    ) -> None:
        super().__init__()
        self.windows: tuple[tuple[Any, ...], ...] = tuple((*w, mode) if mode != "zeros" else w for w in windows)
        self.groups, self.transposed = groups, transposed

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        (x,), (shape,) = xs, shapes
        c = len(shape) - len(self.windows) - 1
        n = x.shape[c] // self.groups
        M = table.plain(x.M, c, x.shape[c])
        agree, mean = np.take(M, AGREE, axis=c), table.average(M, c, x.shape[c])
        profile: list[Array | None] = [*x.profile[: c + 1]]
        profile[c] = None
        for i, window in enumerate(self.windows):
            lags, edge = self.map(x.shape[c + 1 + i], shape[c + 1 + i], window, x.profile[c + 1 + i])
            agree = through(agree, c + i, lags, x.shape[c + 1 + i], x.profile[c + 1 + i])
            mean = through(mean, c + i, lags, x.shape[c + 1 + i], x.profile[c + 1 + i])
            profile.append(flat(edge))
        shared = w.mean("weight") ** 2 * n * n * mean + w.mean("bias") ** 2
        own = n * w.var("weight") * agree + w.var("bias")
        out = table.tidy(np.stack([shared, shared + own], axis=c), shape)
        here = x.shape[c + 1 :]
        far = (AGREE,) * (c + 1) + (0,) * len(here)
        r = float(np.clip(x.R[far], 0, 1)) if x.R.ndim == len(far) else 0.0
        positions = prod(here) if here else 1
        noise = x.noise + kurtosis(x) * (1 / positions + (1 - 1 / positions) * r**2) / n
        return [make(shape, out, bases=x.bases, profile=profile, noise=noise, approx=x.approx,
                     mean=w.mean("bias"))]  # fmt: skip

    def map(self, n: int, count: int, window: tuple[Any, ...], profile: Array | None) -> tuple[Array, Array]:
        if self.transposed:
            return mapping("returns", count, n, window, profile)
        return mapping("windows", n, count, window, profile)

    def back(self, n: int, count: int, window: tuple[Any, ...], profile: Array | None) -> tuple[Array, Array]:
        if self.transposed:
            return mapping("windows", count, n, window, profile)
        return mapping("returns", n, count, window, profile)

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x,), (y,), (g,) = xs, ys, gs
        if g is None:
            return [None]
        c = len(y.shape) - len(self.windows) - 1
        out = y.shape[c] // self.groups
        G = table.plain(g.G, c, y.shape[c])
        agree = np.take(G, AGREE, axis=c)
        sides = g.profile if len(g.profile) == len(y.shape) else (None,) * len(y.shape)
        self.weight_norms(x, y, agree, sides, c)
        strided = [c + 1 + i for i, window in enumerate(self.windows) if window[1] > 1]
        own = stein(x, y, g, w.var("bias"), c, strided)
        if own is not None:
            own = np.take(table.plain(own, c, y.shape[c]), AGREE, axis=c)
            rest = (*y.shape[:c], *y.shape[c + 1 :])
            for axis in reversed(range(own.ndim)):
                own = table.average(own, axis, rest[axis])
            self.norms["weight"] += y.shape[c] * prod(rest) ** 2 * float(own)
        profile: list[Array | None] = [None] * (c + 1)
        tilt = None if g.tilt is None else np.take(table.plain(g.tilt, c, y.shape[c]), AGREE, axis=c)
        for i, window in enumerate(self.windows):
            lags, edge = self.back(x.shape[c + 1 + i], y.shape[c + 1 + i], window, sides[c + 1 + i])
            agree = through(agree, c + i, lags, y.shape[c + 1 + i], sides[c + 1 + i])
            if tilt is not None:  # of what moves an output, each tap brings its share
                tilt = through(tilt, c + i, lags, y.shape[c + 1 + i], None) / window[0]
            profile.append(flat(edge))
        agree = out * w.var("weight") * agree
        G_in = np.stack([np.zeros_like(agree), agree], axis=c)
        back = gradient(table.tidy(G_in, x.shape), profile=profile)
        if tilt is not None:
            tilt = out * w.var("weight") * tilt
            back = replace(back, tilt=table.tidy(np.stack([np.zeros_like(tilt), tilt], axis=c), x.shape))
        return [back]

    def weight_norms(self, x: Signal, y: Signal, G: Array, sides: Sequence[Array | None], c: int) -> None:
        """Over taps, and over pairs of positions: what comes in times what comes back."""
        M = np.take(table.plain(x.M, c, x.shape[c]), AGREE, axis=c)
        spatial = len(self.windows)
        bias = G
        for axis in reversed(range(bias.ndim)):
            bias = table.average(bias, axis, (*y.shape[:c], *y.shape[c + 1 :])[axis])
        others = prod((*y.shape[:c], *y.shape[c + 1 :]))
        self.norms["bias"] = y.shape[c] * others**2 * float(bias)
        total = G
        for i in range(spatial):
            M = table.lagged(M, c + i)
            total = table.lagged(total, c + i)
        for i, window in enumerate(self.windows):
            n, count = x.shape[c + 1 + i], y.shape[c + 1 + i]
            if self.transposed:
                lags, _ = mapping("returns", count, n, window, x.profile[c + 1 + i])
            else:
                lags, _ = mapping("windows", n, count, window, x.profile[c + 1 + i])
            M = through(M, c + i, lags, n, x.profile[c + 1 + i])
        both = M * total
        for axis in reversed(range(both.ndim)):
            both = table.average(both, axis, (*y.shape[:c], *y.shape[c + 1 :])[axis])
        n_in = x.shape[c] // self.groups
        self.norms["weight"] = n_in * y.shape[c] * others**2 * float(both)


class MeanWindow(Rule):
    """The mean of every window, or with "adaptive" for a kernel of windows that make the size of the output."""

    def __init__(self, windows: Sequence[tuple[Any, int, int, int]]) -> None:
        super().__init__()
        self.windows = tuple(windows)

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        first = len(shape) - len(self.windows)
        M, profile = x.M, list(x.profile[:first])
        for i, window in enumerate(self.windows):
            n, count = x.shape[first + i], shape[first + i]
            if window[0] == "adaptive":
                source = _adaptive(n, count)
                side = amplitudes(source, x.profile[first + i]) / np.maximum((source >= 0).sum(axis=0), 1)
                lags = lag_map(source, side, coherent=True)
            else:
                lags = mapping("windows", n, count, window, x.profile[first + i], True)[0] / window[0] ** 2
            M = through(M, first + i, lags, n, x.profile[first + i])
            profile.append(None)
        psi = x.psi if x.shape == shape else None
        return [make(shape, table.tidy(M, shape), psi, bases=x.bases, noise=x.noise, approx=x.approx, profile=profile,
                     mean=x.mean)]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        if g is None:
            return [None]
        first = len(y.shape) - len(self.windows)
        G = g.G
        for i, window in enumerate(self.windows):
            n, count = x.shape[first + i], y.shape[first + i]
            if window[0] == "adaptive":
                lags = lag_map(*_adaptive_back(n, count), coherent=True)
            else:
                lags = mapping("returns", n, count, window, None, True)[0] / window[0] ** 2
            G = through(G, first + i, lags, count, None)
        return [gradient(table.tidy(G, x.shape))]


class LargestWindow(Rule):
    """The largest number of every window."""

    def __init__(self, windows: Sequence[tuple[int, int, int, int]]) -> None:
        super().__init__()
        self.windows = tuple(windows)

    def inner(self, x: Signal) -> tuple[int, float]:
        """How many numbers a window has, and the mean latent correlation between two of them."""
        first = len(x.shape) - len(self.windows)
        R = x.R[(AGREE,) * first]
        count = prod(min(k, n) for (k, *_), n in zip(self.windows, x.shape[first:], strict=True))
        for i, (k, *_) in enumerate(self.windows):
            R = table.lagged(R, i)
            n = min(k, x.shape[first + i])
            share = np.array([(n - 1) * max(n - 2, 0) / n**2, 1 / n, 2 * (n - 1) / n**2])
            R = np.moveaxis(R, i, 0)
            R = np.moveaxis(np.broadcast_to(np.tensordot(share, R, axes=([0], [0])), R.shape), 0, i)
        mean = float(R[(0,) * R.ndim]) if R.ndim else 1.0
        r = 1.0 if count == 1 else (mean - 1 / count) / (1 - 1 / count)
        return count, float(np.clip(r, 0.0, 0.999999))

    def overlaps(self) -> list[tuple[tuple[int, ...], int]]:
        """For neighbouring windows, by the axes along which they are neighbours, how many entries both hold."""
        found = []
        for near in product((AGREE, NEAR), repeat=len(self.windows)):
            both = prod(
                k if a == AGREE else max(k - stride, 0) for a, (k, stride, *_) in zip(near, self.windows, strict=True)
            )
            if NEAR in near and both:
                found.append((near, both))
        return found

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        from fanin.signal import grid
        from fanin.signal.rules.reduce import largest, overlapping

        x, shape = xs[0], shapes[0]
        first = len(shape) - len(self.windows)
        count, r = self.inner(x)
        psi, common = largest(x, count, r)
        R = x.R
        for i, window in enumerate(self.windows):
            R = table.lagged(R, first + i)
            k, stride = window[0], window[1]
            far, agree, near = (np.take(R, [j], axis=first + i) for j in range(3))
            inside = agree / k + near * 2 * (k - 1) / k**2 + far * max(k - 1, 0) * max(k - 2, 0) / k**2
            overlap = max(k - stride, 0) / k
            touch = overlap * inside + (1 - overlap) * (near / k + far * (1 - 1 / k)) if stride > 0 else inside
            R = np.concatenate([far, agree if k == 1 else inside, touch], axis=first + i)
        top = float(R[(AGREE,) * R.ndim])
        shared = np.clip(R / max(top, 1e-12), -1, 1)
        M = grid.pair(common, shared)
        M[(AGREE,) * M.ndim] = grid.square(psi)
        for place, both in self.overlaps():
            M[(AGREE,) * first + place] += overlapping(x, count, both, r)
        return [make(shape, table.tidy(M, shape), psi, bases=x.bases, noise=x.noise, approx=x.approx,
                     profile=[*x.profile[:first], *(None,) * len(self.windows)])]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        from fanin.signal.rules.reduce import winner

        x, y, g = xs[0], ys[0], gs[0]
        if g is None:
            return [None]
        first = len(y.shape) - len(self.windows)
        count, r = self.inner(x)
        G = g.G
        for i in range(len(self.windows)):
            G = table.lagged(G, first + i)
        own = G[(AGREE,) * G.ndim]
        for place, both in self.overlaps():
            # Windows that overlap have one largest entry now and then, in the share of overlap over union.
            around = prod(2 - 2 / n for a, n in zip(place, y.shape[first:], strict=True) if a == NEAR)
            own += around * both / (2 * count - both) * G[(AGREE,) * first + place]
        whole = 1.0
        for i in range(len(self.windows)):
            far, agree, close = (np.take(G, [j], axis=first + i) for j in range(3))
            rate = y.shape[first + i] / x.shape[first + i]
            whole *= rate
            G = np.concatenate([far * rate**2, agree * rate**2, (far + close) / 2 * rate**2], axis=first + i)
        G[(AGREE,) * G.ndim] = own * whole
        return [winner(table.tidy(G, x.shape), count, r)]
