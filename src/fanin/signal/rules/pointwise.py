"""Functions of each entry alone, sums and products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fanin.signal import grid, table
from fanin.signal.grid import Array
from fanin.signal.resolved import Resolved, latents, lifted, placed, placed_back
from fanin.signal.rules.base import (
    Cannot,
    Rule,
    Weights,
    bases,
    folded,
    joined_notes,
    same_latent,
    scaled_by,
)
from fanin.signal.state import Gradient, Signal, gradient, is_gaussian, make
from fanin.signal.units import Meeting, Sent, Units, table_of

_NODES = 24
_FEW = 12  # where a curve is only averaged


def derivative(f: Callable[[Array], Array], x: Array) -> Array:
    """``f'`` at the grid's values, by a central difference that no kink of a grid cell's edge disturbs."""
    step = 1e-6 * (1.0 + np.abs(x))
    return np.asarray((f(x + step) - f(x - step)) / (2 * step))


class Curve(Rule):
    """``y = f(x)``, entry by entry: exact on the latent's grid."""

    def __init__(self, f: Callable[[Array], Array]) -> None:
        super().__init__()
        self.f = f

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        (x,) = xs
        with np.errstate(all="ignore"):
            psi = np.asarray(self.f(x.psi), dtype=np.float64)
        if not np.all(np.isfinite(psi)):
            raise Cannot("it has no value at some of the numbers that may come in")
        y = make(x.shape, grid.pair(psi, x.R), psi, R=x.R, root=x.root, bases=x.bases,
                 profile=x.profile, noise=x.noise * self.slope(x, psi) ** 2, approx=x.approx,
                 learned=x.learned).changed(masked=x.masked, joined=x.joined,
                 parts=tuple(self.forward([p], w, [p.shape])[0] for p in x.parts))  # fmt: skip
        return [y if x.along is None else placed_as(y, x, psi)]

    def slope(self, x: Signal, psi: Array) -> float:
        """``d ln q' / d ln q``: how an error of the scale goes on."""
        q = grid.square(psi)
        if q <= 0:
            return 1.0
        with np.errstate(all="ignore"):
            change = self.f(x.psi * (1 + 1e-4))
        value = grid.square(np.asarray(change)) / q
        return float(np.log(value) / (2 * np.log(1 + 1e-4))) if np.isfinite(value) and value > 0 else 1.0

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x,), (g,) = xs, gs
        if g is None:
            return [None]
        if len(x.parts) > 1 and (len(g.parts) == len(x.parts) or np.ptp(g.h) == 0):
            from fanin.signal.rules.shape import cut_apart, put_together

            parts = g.parts or cut_apart(g, x.parts, x.joined)
            back = [self.backward([p], [p], [part], w)[0] for p, part in zip(x.parts, parts, strict=True)]
            return [put_together([b for b in back if b is not None], x.parts, x.joined)]
        with np.errstate(all="ignore"):
            slope = np.nan_to_num(derivative(self.f, x.psi))
        return [scaled_by(g, x, slope)]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return [xs[0].like([self.f(v) for _, v in xs[0].pieces])]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        (x,), (g,) = xs, gs
        if g is None:
            return [None]
        with np.errstate(all="ignore"):
            slopes = [np.nan_to_num(derivative(self.f, v)) for _, v in x.pieces]
        return [g.like([v * s for (_, v), s in zip(g.pieces, slopes, strict=True)])]


def placed_as(y: Signal, x: Signal, psi: Array) -> Signal:
    """A function of the latent of x, position by position: as large as x is there."""
    assert x.along is not None
    along = latents(x, x.along.axis).map(lambda r: grid.pair(psi, r))
    return placed(y, along.each(np.sqrt(np.maximum(x.along.own, 0.0) / max(x.q, 1e-300))))


class Sum(Rule):
    """``y = s1 x1 + s2 x2``, broadcast."""

    def __init__(self, signs: tuple[float, ...] = (1.0, 1.0)) -> None:
        super().__init__()
        self.signs = signs

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        total = _signed(xs[0], self.signs[0])
        for x, sign in zip(xs[1:], self.signs[1:], strict=False):
            total = add(total, _signed(x, sign), shapes[0])
        return [total]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (y,), (g,) = ys, gs
        if g is None:
            return [None] * len(xs)
        found: list[Gradient | None] = []
        for i, (x, sign) in enumerate(zip(xs, self.signs, strict=False)):
            rest = _rest(xs[1 - i], self.signs[1 - i]) if len(xs) == 2 else _others(x, y, sign)
            if x.shape != y.shape:
                found.append(gradient(folded(g.G, y.shape, x.shape), source=g.source))
                continue
            h, lean = (g.h, g.lean) if x.root == y.root or np.ptp(g.h) == 0 else _seen_from(x, y, g, sign, rest)
            if x.root != y.root and g.terms:
                terms = tuple(
                    t if np.ptp(t.h) == 0 else _replaced(t, *_seen_from(x, y, t, sign, rest)) for t in g.terms
                )
            else:
                terms = g.terms
            lean = None if lean is None else lean * np.sign(sign)
            found.append(Gradient(g.G, h * np.sign(sign), g.source, g.profile, tilt=g.tilt, terms=terms, lean=lean,
                                  along=g.along))  # fmt: skip
        return found

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        signs = self.signs[: len(xs)]
        return [together(xs, lambda *vs: sum(s * v for s, v in zip(signs, vs, strict=True)), shapes[0])]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return [
            None if gs[0] is None else shrunk(gs[0].like([sign * v for _, v in gs[0].pieces]), x)
            for x, sign in zip(xs, self.signs, strict=False)
        ]


def _signed(x: Signal, sign: float) -> Signal:
    return x if sign == 1 else scaled(x, sign)


def scaled(x: Signal, factor: float) -> Signal:
    along = None if x.along is None else x.along.map(lambda K: K * factor**2)
    return x.changed(M=x.M * factor**2, psi=x.psi * factor, along=along)


def add(x: Signal, y: Signal, shape: tuple[int, ...]) -> Signal:
    """The law of a sum: exact for functions of one latent, and where the two are uncorrelated."""
    rank = len(shape)
    if x.masked or y.masked:
        return add(x.changed(masked=False), y.changed(masked=False), shape).changed(masked=True)
    if same_latent(x, y):
        psi = x.psi + y.psi
        R, _ = table.same_states(x.R, y.R)
        both = make(shape, grid.pair(psi, R), psi, R=R, root=x.root, bases=x.bases | y.bases, profile=x.profile,
                    noise=max(x.noise, y.noise), approx=joined_notes((x, y)))  # fmt: skip
        return both if x.along is None else placed_as(both, x, psi)
    if x.is_constant and not y.is_constant:
        x, y = y, x
    if y.is_constant and x.shape == shape:
        c = float(y.psi[0])
        psi = x.psi + c
        more = 2 * c * x.mean + c * c
        y = make(shape, x.M + more, psi, R=x.R, root=x.root, bases=x.bases | y.bases,
                 profile=x.profile, noise=x.noise, approx=x.approx, learned=x.learned and y.learned)  # fmt: skip
        return placed(y, None if x.along is None else x.along.map(lambda K: K + more))
    a, b = table.same_states(table.align(x.M, rank), table.align(y.M, rank))
    M = a + b + 2 * x.mean * y.mean
    notes = joined_notes((x, y))
    if x.bases & y.bases and not _uncorrelated(x, y):
        notes += ("a sum of tensors that share a part",) if "a sum of tensors that share a part" not in notes else ()
    total = x.q + y.q
    share = 0.5 if total <= 0 else x.q / total
    noise = share**2 * x.noise + (1 - share) ** 2 * y.noise
    law: Array | None = None
    if not (is_gaussian(x) and is_gaussian(y)):
        law = _fitted(_convolved(x, y), x.mean + y.mean, x.variance + y.variance)
    z = make(shape, M, law, bases=bases((x, y)), profile=_profiles(x, y, rank), noise=noise, approx=notes,
             learned=x.learned and y.learned, mean=x.mean + y.mean)  # fmt: skip
    return placed(z, by_position(x, y, shape, lambda a, b: a + b + 2 * x.mean * y.mean))


def by_position(x: Signal, y: Signal, shape: tuple[int, ...], f: Callable[[Array, Array], Array]) -> Resolved | None:
    """Moments by position of what is made of two tensors, if one of them has any."""
    known = {s.along.axis + len(shape) - len(s.shape) for s in (x, y) if s.along is not None}
    if len(known) != 1:
        return None
    (axis,) = known
    each = []
    for s in (x, y):
        wide = (1,) * (len(shape) - len(s.shape)) + s.shape
        each.append(lifted(table.align(s.M, len(shape)), (*wide[:axis], shape[axis], *wide[axis + 1:])
                           if wide[axis] == 1 else wide, axis) if s.along is None else s.along.at(axis))  # fmt: skip
    return each[0].and_(each[1], f)


def _uncorrelated(x: Signal, y: Signal) -> bool:
    """Whether one of the two comes straight from weights of mean 0, which makes their product 0 on average."""
    return any(abs(s.mean) < 1e-9 * (s.q + 1e-300) ** 0.5 for s in (x, y))


def _profiles(x: Signal, y: Signal, rank: int) -> list[Array | None]:
    found: list[Array | None] = []
    ps: list[tuple[Array | None, ...]] = [(None,) * (rank - len(s.shape)) + s.profile for s in (x, y)]
    total = x.q + y.q
    for first, second in zip(*ps, strict=True):
        known = first if first is not None else second
        if known is None or total <= 0:
            found.append(known)
            continue
        one = np.ones(len(known))
        a, b = (one if v is None or len(v) != len(known) else v for v in (first, second))
        found.append(np.sqrt((x.q * a**2 + y.q * b**2) / total))
    return found


def _convolved(x: Signal, y: Signal) -> Array:
    """The quantile function of a sum of independent numbers."""
    if is_gaussian(x):
        x, y = y, x
    return grid.of_two(x.psi, _nodes(y), False)


def _nodes(x: Signal, count: int = _NODES) -> Array:
    """Numbers that stand for equal shares of a law."""
    if is_gaussian(x):
        return np.asarray(x.mean + np.sqrt(x.variance) * grid.quantiles(count))
    at = (np.arange(count) + 0.5) / count
    ordered = np.sort(x.psi) if not np.all(np.diff(x.psi) >= 0) else x.psi
    levels = grid.LEVELS if ordered is x.psi else np.cumsum(grid.W[np.argsort(x.psi)])
    nodes = np.interp(at, levels, ordered)
    spread = nodes.std()
    return np.asarray(nodes if spread <= 0 else x.mean + (nodes - nodes.mean()) * np.sqrt(x.variance) / spread)


def _fitted(psi: Array, mean: float, variance: float) -> Array:
    """The same shape with exactly this mean and variance."""
    m = grid.mean(psi)
    v = grid.square(psi) - m * m
    return psi if v <= 0 else np.asarray(mean + (psi - m) * np.sqrt(max(variance, 0) / v))


def _rest(other: Signal, sign: float) -> Array:
    """Numbers that stand for the other summand."""
    return np.asarray(sign * _nodes(other, _FEW))


def _others(x: Signal, y: Signal, sign: float) -> Array:
    """Numbers that stand for all summands but one, as a normal law."""
    rest = max(y.variance - x.variance, 0.0)
    return np.asarray(y.mean - sign * x.mean + np.sqrt(rest) * grid.quantiles(_FEW))


def _replaced(g: Gradient, h: Array, lean: Array | None) -> Gradient:
    return replace(g, h=h, lean=lean)


def _seen_from(x: Signal, y: Signal, g: Gradient, sign: float, rest: Array) -> tuple[Array, Array | None]:
    """The envelopes of a sum's gradient as functions of one summand's latent: ``E[h_y^2 | z]`` and ``E[h_y | z]``."""
    at = (sign * x.psi)[:, None] + rest[None, :]
    ordered = y.psi if np.all(np.diff(y.psi) >= 0) else np.sort(y.psi)
    keep = np.concatenate([[True], np.diff(ordered) > 0])
    latents = np.interp(at, ordered[keep], grid.Z[keep])
    found = np.sqrt(np.interp(latents, grid.Z, g.h**2).mean(axis=1))
    size = grid.square(found)
    if size <= 0:
        return grid.ONES, None
    return found / np.sqrt(size), np.interp(latents, grid.Z, g.mean).mean(axis=1) / np.sqrt(size)


class Product(Rule):
    """``y = x1 * x2``, broadcast."""

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        return [multiply(xs[0], xs[1], shapes[0])]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x, other), (y,), (g,) = xs, ys, gs
        if g is None:
            return [None, None]
        if same_latent(x, other):
            return [scaled_by(g, x, other.psi), scaled_by(g, other, x.psi)]
        return [_factor_gradient(a, b, y, g) for a, b in ((x, other), (other, x))]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return [together(xs, lambda a, b: a * b, shapes[0])]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        g = gs[0]
        if g is None:
            return [None, None]
        return [shrunk(together([g, other], lambda a, b: a * b, g.shape), x) for x, other in (xs, xs[::-1])]


def _factor_gradient(x: Signal, other: Signal, y: Signal, g: Gradient) -> Gradient:
    if other.is_constant and x.shape == y.shape:
        c = float(other.psi[0])
        lean = None if g.lean is None else g.lean * np.sign(c)
        along = None if g.along is None else g.along.map(lambda K: K * c * c)
        return replace(g, G=g.G * c * c, h=g.h if c >= 0 else -g.h, lean=lean, terms=(), along=along)
    rank = len(y.shape)
    G, M = table.same_states(g.G, table.align(other.M, rank))
    found = gradient(folded(G * M, y.shape, x.shape))
    if x.shape == y.shape == other.shape and x.bases & other.bases:
        # What both factors were made of moves the other one, and with it this gradient.
        G, R = table.same_states(g.G, other.R)
        found = replace(found, tilt=G * grid.pair_slope(other.psi, R))
    known = g.along or other.along
    if x.shape == y.shape == other.shape and known is not None:
        each = (s or lifted(T, y.shape, known.axis) for s, T in ((g.along, g.G), (other.along, other.M)))
        found = placed_back(found, x.shape, next(each).and_(next(each), np.multiply))
    return found


def multiply(x: Signal, y: Signal, shape: tuple[int, ...]) -> Signal:
    """The law of a product: exact for functions of one latent, and where the two are independent."""
    rank = len(shape)
    if same_latent(x, y):
        psi = x.psi * y.psi
        z = make(shape, grid.pair(psi, x.R), psi, R=x.R, root=x.root, bases=x.bases | y.bases, profile=x.profile,
                 noise=max(x.noise, y.noise), approx=joined_notes((x, y)))  # fmt: skip
        return z if x.along is None else placed_as(z, x, psi)
    if x.is_constant and not y.is_constant:
        x, y = y, x
    if y.is_constant and x.shape == shape:
        c = float(y.psi[0])
        return scaled(x, c).changed(
            bases=x.bases | y.bases, root=x.root, learned=x.learned and y.learned, approx=joined_notes((x, y))
        )
    a, b = table.same_states(table.align(x.M, rank), table.align(y.M, rank))
    notes = joined_notes((x, y))
    if x.bases & y.bases and not (is_gaussian(x) and is_gaussian(y)):
        notes += (
            () if "a product of tensors that share a part" in notes else ("a product of tensors that share a part",)
        )
    psi = grid.of_two(x.psi, _nodes(y), True)
    psi = _fitted(psi, x.mean * y.mean, x.q * y.q - (x.mean * y.mean) ** 2)
    z = make(shape, a * b, psi, bases=bases((x, y)), profile=_profiles(x, y, rank), noise=x.noise + y.noise,
             approx=notes, learned=x.learned and y.learned)  # fmt: skip
    return placed(z, by_position(x, y, shape, np.multiply))


class Joint(Rule):
    """``y = f(x1, x2)`` of two functions of one latent, of a tensor and a number, or of two that are apart."""

    def __init__(self, f: Callable[[Array, Array], Array]) -> None:
        super().__init__()
        self.f = f
        self.apart: Rule | None = None

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, y = xs
        if not same_latent(x, y) and not x.is_constant and not y.is_constant:
            from fanin.signal.rules.apart import Apart

            self.apart = Apart(self.f)
            return self.apart.forward(xs, w, shapes)
        with np.errstate(all="ignore"):
            psi = np.asarray(self.f(x.psi, y.psi), dtype=np.float64)
        if not np.all(np.isfinite(psi)):
            raise Cannot("it has no value at some of the numbers that may come in")
        lead = y if x.is_constant and (not y.is_constant or y.shape == shapes[0]) else x
        if lead.shape != shapes[0]:
            raise Cannot("it stretches one of two tensors")
        return [make(shapes[0], grid.pair(psi, lead.R), psi, R=lead.R, root=lead.root, bases=bases(xs),
                     profile=lead.profile, noise=lead.noise, approx=joined_notes(xs))]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x, y), (g,) = xs, gs
        if g is None:
            return [None, None]
        if self.apart is not None:
            return self.apart.backward(xs, ys, gs, w)
        found: list[Gradient | None] = []
        for first in (True, False):
            own = x if first else y
            if own.shape != ys[0].shape:
                found.append(None)
                continue
            with np.errstate(all="ignore"):
                slope = derivative((lambda v: self.f(v, y.psi)) if first else (lambda v: self.f(x.psi, v)), own.psi)
            found.append(scaled_by(g, own, np.nan_to_num(slope)))
        return found

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return [together(xs, self.f, shapes[0])]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        g = gs[0]
        if g is None:
            return [None, None]
        slopes = (
            lambda d, a, b: d * derivative(lambda v: self.f(v, b), a),
            lambda d, a, b: d * derivative(lambda v: self.f(a, v), b),
        )
        return [shrunk(together([g, *xs], slope, g.shape), x) for x, slope in zip(xs, slopes, strict=True)]


def together(xs: Sequence[Units], f: Callable[..., Array], shape: tuple[int, ...]) -> Units:
    """A function of several tensors' units, piece by piece; a tensor of numbers that are all one fits any pieces."""
    lead = max(xs, key=lambda x: (len(x.pieces), len(x.points), x.shape))
    columns: list[list[Array]] = []
    for x in xs:
        if [w for w, _ in x.pieces] == [w for w, _ in lead.pieces]:
            columns.append([v for _, v in x.pieces])
        elif len(x.pieces) == 1 and np.ptp(x.pieces[0][1]) == 0:
            columns.append([x.pieces[0][1]] * len(lead.pieces))
        else:
            raise Cannot("it takes together what lies along its last axis in different pieces")
        if x.points and x.points != lead.points[len(lead.points) - len(x.points) :] and np.prod(x.points) > 1:
            raise Cannot("it stretches one of two tensors")
    return lead.like([np.asarray(f(*vs)) for vs in zip(*columns, strict=True)], shape)


def shrunk(g: Units, x: Units) -> Units | Gradient:
    """A gradient at what came in, which may have been stretched."""
    if x.shape == g.shape:
        return g
    return gradient(folded(table_of(g), g.shape, x.shape))


class Quotient(Rule):
    """``y = x1 / x2``: by a number, or by what is no part of the first."""

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, y = xs
        self.inner = Curve(lambda v: 1 / v)
        (self.turned,) = self.inner.forward([y], w, [y.shape])
        return [multiply(x, self.turned, shapes[0])]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        first, second = Product().backward([xs[0], self.turned], ys, gs, w)
        return [first, *self.inner.backward([xs[1]], [self.turned], [second], w)]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return Joint(np.divide).drawn(xs, w, shapes, at)

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return Joint(np.divide).drawn_back(xs, ys, gs, w, at)


class Total(Rule):
    """The sum of several tensors of one shape, times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        total = xs[0]
        for x in xs[1:]:
            total = add(total, x, shapes[0])
        return [scaled(total, self.factor)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        parts = Sum((1.0,) * len(xs)).backward(xs, ys, gs, w)
        return [
            None if p is None else replace(p, G=p.G * self.factor**2, terms=(), tilt=None, along=None) for p in parts
        ]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return Sum((self.factor,) * len(xs)).drawn(xs, w, shapes, at)

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return Sum((self.factor,) * len(xs)).drawn_back(xs, ys, gs, w, at)
