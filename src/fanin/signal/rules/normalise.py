"""Normalisation: to mean 0 and variance 1 over some axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fanin.signal import grid, table
from fanin.signal.resolved import carried, groups, lifted, placed, placed_back, resolved_in
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE, DIFFER
from fanin.signal.units import Meeting, Sent, Units


@grid.remembered
def growth(M: grid.Array, axes: Sequence[int], shape: Sequence[int]) -> float:
    """``E[1 / s²] E[s²]`` of the variance s² that is taken over axes, over units.

    Of a unit, s² is a quadratic form in its weights: ``Σ λ χ²`` with the eigenvalues of the table over these axes,
    which for entries that are alike are those of contrasts along some axes and of means along the others. And
    ``E 1/Σ λ χ² = ∫ Π (1 + 2 t λ)^(-1/2) dt``.
    """
    lams, times = M, np.ones((1,) * M.ndim)
    for axis in range(M.ndim):
        if axis not in axes:
            lams = np.take(lams, [AGREE], axis=axis)
            continue
        n = shape[axis]
        lams = table.plain(lams, axis, n)
        differ, agree = np.take(lams, [DIFFER], axis=axis), np.take(lams, [AGREE], axis=axis)
        lams = np.concatenate([agree + (n - 1) * differ, agree - differ], axis=axis)
        times = np.concatenate([times, (n - 1) * times], axis=axis)
    value, count = np.maximum(lams.ravel(), 0.0), times.ravel()
    total = float(value @ count)
    if total <= 0 or float(((value / total) ** 2) @ count) > 0.25:  # four degrees of freedom: too few to tell
        return 2.0
    t = np.exp(np.linspace(-12.0, 12.0, 241))
    log = -0.5 * np.log1p(2 * t[:, None] * (value / total)[None, :]) @ count
    return float(np.sum(t * np.exp(log)) * 0.1)


class Normalise(Rule):
    """``(x - mean) / sqrt(var + eps)`` over ``axes``; ``centre`` False divides by the root mean square alone.

    With ``groups`` the channel axis 1 is taken in so many parts. Source: Ba et al. 2016; Ioffe and Szegedy 2015; the
    growth of gradients through it, Yang et al. 2019.
    """

    def __init__(
        self, axes: Sequence[int], eps: float, *, centre: bool = True, groups: int = 0, to: float = 1.0
    ) -> None:
        super().__init__()
        self.axes, self.eps, self.centre, self.groups, self.to = tuple(axes), eps, centre, groups, to

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        if self.apart(x):
            from fanin.signal.rules.shape import Join

            self.each = [Normalise(self.axes, self.eps, centre=self.centre) for _ in x.parts]
            self.pieces = [rule.forward([p], w, [p.shape])[0] for rule, p in zip(self.each, x.parts, strict=True)]
            self.join = Join(x.joined)
            return self.join.forward(self.pieces, w, shapes)
        if self.groups:
            inner = self.grouped(x)
            y = self.normal(inner)
            M = table.merge(y.M, 1, y.shape[1:3])
            y = make(x.shape, M, y.psi, root=None, bases=x.bases, approx=x.approx)
        else:
            y = self.normal(x)
        scale, shift = (w.mean("weight") if "weight" in w else 1.0), w.mean("bias")
        if scale != 1.0 or shift != 0.0:
            psi = y.psi * scale + shift
            y = y.changed(M=y.M * scale**2 + 2 * scale * shift * y.mean + shift**2, psi=psi)
        # What was normalised position by position is as large at each.
        profile = tuple(p if i in self.axes else None for i, p in enumerate(y.profile)) if self.own(x) else y.profile
        y = y.changed(shape=x.shape, profile=profile)
        if x.along is None or self.axes != (len(x.shape) - 1,):
            return [y]
        heights = scale * np.sqrt(self.to / (self.within(x) + self.eps))
        centred = x.along.map(lambda K: self.share_left(x) * (K - (x.mean**2 if self.centre else 0.0)))
        return [placed(y, centred.each(heights).map(lambda K: K + shift**2 + 2 * scale * shift * y.mean))]

    def share_left(self, x: Signal) -> float:
        """What centring leaves of a variance."""
        return 1 - 1 / x.shape[-1] if self.centre else 1.0

    def within(self, x: Signal) -> grid.Array:
        """The variance within each position."""
        assert x.along is not None
        return np.maximum(self.share_left(x) * (x.along.own - (x.mean**2 if self.centre else 0.0)), 0.0)

    def own(self, x: Signal) -> bool:
        """Whether statistics are those of one position: layer norms."""
        return not self.groups and 0 not in self.axes and len(x.shape) - 1 in self.axes

    def apart(self, x: Signal) -> bool:
        """Whether pieces are normalised each for itself: channels that were put together of several tensors."""
        return len(x.parts) > 1 and not self.groups and x.joined not in self.axes

    def grouped(self, x: Signal) -> Signal:
        size = x.shape[1] // self.groups
        shape = (x.shape[0], self.groups, size, *x.shape[2:])
        return make(shape, table.split(x.M, 1, (self.groups, size)), x.psi, bases=x.bases,
                    profile=(x.profile[0], None, *x.profile[1:]), approx=x.approx)  # fmt: skip

    def over(self, rank: int) -> tuple[int, ...]:
        return tuple(range(2, rank)) if self.groups else self.axes

    def normal(self, x: Signal) -> Signal:
        M, d, gone = self.centred(x)
        scale = np.sqrt(self.to / max(d + self.eps, 1e-300))
        if not self.centre:
            return x.changed(M=M * scale**2, psi=x.psi * scale, noise=0.0)
        own = gone - x.mean**2 <= 1e-6 * max(x.variance, 1e-300)
        if own:  # what is taken away is the mean alone, so that entries keep their latent
            return x.changed(M=M * scale**2, psi=(x.psi - x.mean) * scale, noise=0.0)
        spread = np.sqrt(max(d, 0.0) / x.variance) if x.variance > 0 else 0.0
        psi = (x.psi - x.mean) * spread * scale
        return make(x.shape, M * scale**2, psi, bases=x.bases, profile=x.profile, approx=x.approx)

    def centred(self, x: Signal) -> tuple[grid.Array, float, float]:
        """The table less the mean over the axes, the variance within them, and the moment that went."""
        axes = self.over(x.M.ndim)
        if not self.centre:
            return x.M, x.q, 0.0
        mean = table.average_over(x.M, axes, x.shape)
        M = x.M - mean
        gone = float(mean[(AGREE,) * M.ndim])
        return M, max(float(M[(AGREE,) * M.ndim]), 0.0), gone

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 1)
        if g is None:
            return [None, *rest]
        if self.apart(x):
            from fanin.signal.rules.shape import put_together

            before = self.join.backward(self.pieces, ys, [g], w)
            back: list[Gradient] = []
            for rule, part, piece, at in zip(self.each, x.parts, self.pieces, before, strict=True):
                found = rule.backward([part], [piece], [at], w)[0]
                assert found is not None
                back.append(found)
                for name, value in rule.norms.items():
                    self.norms[name] = self.norms.get(name, 0.0) + value
            return [put_together(back, x.parts, x.joined), *rest]
        scale = w.mean("weight") if "weight" in w else 1.0
        G = g.G * scale**2
        psi, R = y.psi, y.R
        if self.groups:
            G = table.split(G, 1, (self.groups, x.shape[1] // self.groups))
            x = self.grouped(x)
            R = table.split(R, 1, (self.groups, x.shape[2]))
        M, d, _ = self.centred(x)
        d = (d + self.eps) / self.to
        axes = self.over(x.M.ndim)
        G, R, M = table.same_states(G, R, M)
        seen = g.envelope(x.shape, R)
        eps = np.divide(G, seen, out=np.zeros_like(G), where=np.abs(seen) > 1e-12)
        shown = (psi - w.mean("bias")) / scale if scale else psi
        pairs = eps * g.envelope(x.shape, R, shown)
        self.affine_norms(pairs, G, x.shape, scale, w)
        projected = table.average_over(pairs, axes, x.shape)
        mean = table.average_over(G, axes, x.shape) if self.centre else 0.0
        out = growth(M / d, axes, x.shape) / d * (G - mean - M / d * projected)
        out[(AGREE,) * out.ndim] = max(float(out[(AGREE,) * out.ndim]), 0.0)
        if self.groups:
            out = table.merge(out, 1, x.shape[1:3])
            return [replace(gradient(out, g.h), lean=g.lean), *rest]
        resolved = resolved_in(x, g)
        if resolved is not None and self.axes == (len(x.shape) - 1,):
            along = carried(g.along or lifted(g.G, x.shape, resolved), g.G, x.shape, out * d, x.shape, resolved)
            sizes = (
                np.full(len(groups(x.shape[resolved])), d) if x.along is None else (self.within(x) + self.eps) / self.to
            )
            assert along is not None
            back_ = replace(gradient(table.tidy(out, x.shape), g.h), lean=g.lean)
            return [placed_back(back_, x.shape, along.each(1 / np.sqrt(sizes))), *rest]
        profile = list(g.profile) or [None] * out.ndim
        for axis, heights in enumerate(x.profile if self.own(x) else ()):
            if heights is None or axis in self.axes or len(heights) != x.shape[axis]:
                continue
            side = profile[axis]
            squares = np.ones(len(heights)) if side is None or len(side) != len(heights) else side**2
            squares = squares / np.maximum(heights**2, 1e-12)
            mean = float(squares.mean())
            out, profile[axis] = out * mean, np.sqrt(squares / mean)
        return [replace(gradient(table.tidy(out, x.shape), g.h, profile=profile), lean=g.lean), *rest]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        x = xs[0]
        if self.axes != (len(x.shape) - 1,) or self.groups or len(xs) > 1:
            raise Cannot("it is normalised over more than units")
        mean = self.share(x, x) if self.centre else 0.0
        centred = x.like([v - mean for _, v in x.pieces])
        self.sizes = np.sqrt((self.share(centred, centred, power=2) + self.eps) / self.to)
        scale = w.mean("weight") if "weight" in w else 1.0
        return [centred.like([v / self.sizes * scale + w.mean("bias") for _, v in centred.pieces])]

    @staticmethod
    def share(x: Units, y: Units, power: int = 1) -> grid.Array:
        """The mean over units of x, or of x times y."""
        total = sum(width for width, _ in x.pieces)
        return np.asarray(sum(
            n / total * (a * b if power == 2 else a).mean(axis=-1, keepdims=True)
            for (n, a), (_, b) in zip(x.pieces, y.pieces, strict=True)
        ))  # fmt: skip

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        g, scale = gs[0], w.mean("weight") if "weight" in w else 1.0
        if g is None or not scale:
            return [None]
        shown = ys[0].like([(v - w.mean("bias")) / scale for _, v in ys[0].pieces])
        mean = self.share(g, g) if self.centre else 0.0
        along = self.share(g, shown, power=2) / self.to
        return [g.like([(d - mean - along * v) * scale / self.sizes
                        for (_, d), (_, v) in zip(g.pieces, shown.pieces, strict=True)])]  # fmt: skip

    def affine_norms(self, pairs: grid.Array, G: grid.Array, shape: tuple[int, ...], scale: float, w: Weights) -> None:
        """Scale and shift are summed over all that shares them: over all axes but the channels, or the last ones."""
        if "weight" not in w or not scale:
            return
        last = 0 not in self.axes and 1 not in self.axes[:1] and not self.groups
        own = (len(shape) - 1,) if last else (1, 2) if self.groups else (1,)
        count, units = 1.0, 1.0
        for axis in reversed(range(len(shape))):
            if axis in own:
                pairs, G = np.take(pairs, AGREE, axis=axis), np.take(G, AGREE, axis=axis)
                units *= shape[axis]
            else:
                pairs, G = table.average(pairs, axis, shape[axis]), table.average(G, axis, shape[axis])
                count *= shape[axis] ** 2
        self.norms["weight"] = units * count * float(pairs) / scale**2
        self.norms["bias"] = units * count * float(G) / scale**2
