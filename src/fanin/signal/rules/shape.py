"""Ops that move entries and change none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from fanin.signal import table
from fanin.signal.grid import Array
from fanin.signal.resolved import Resolved, carried, placed, placed_back, sum_along
from fanin.signal.rules.base import Cannot, Rule, Weights, bases, folded, joined_notes, unchanged
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE, DIFFER
from fanin.signal.units import Meeting, Placed, Sent, Units


def moved(
    x: Signal,
    shape: Sequence[int],
    M: Array,
    R: Array | None = None,
    profile: Sequence[Array | None] | None = None,
    axis: int | None = None,
) -> Signal:
    """The same entries at other places: a latent of their own, since places decide what goes together. ``axis`` is
    where the axis is now of which positions are known one by one."""
    y = make(shape, M, x.psi, R=R, bases=x.bases, noise=x.noise, approx=x.approx, learned=x.learned, profile=profile)
    return placed(y, carried(x.along, x.M, x.shape, M, shape, axis))


def alone_in(before: Sequence[int], after: Sequence[int], axis: int) -> int | None:
    """Where an axis is after a reshape that leaves it, and the first one, as they are."""
    found = None
    for a, b, c, d in table.groups_of(before, after):
        if (a, b) == (0, 1) and (c, d) != (0, 1):
            return None
        if (a, b) == (axis, axis + 1) and d - c == 1:
            found = c
    return found if axis > 0 and before[0] == after[0] else None


class Same(Rule):
    """The tensor itself."""

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        return [xs[0] for _ in shapes]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        return [gs[0], *(None for _ in xs[1:])]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        return [xs[0] for _ in shapes]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return [gs[0], *(None for _ in xs[1:])]


class Stop(Same):
    """The tensor, with no gradient through it."""

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        return [None for _ in xs]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return [None for _ in xs]


class Reshape(Rule):
    """Entries dealt out to other axes in their order: ``reshape``, ``flatten``, ``squeeze``."""

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        M = table.reshape(x.M, x.shape, shape)
        return [moved(x, shape, M, axis=None if x.along is None else alone_in(x.shape, shape, x.along.axis))]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x, y, g = xs[0], ys[0], gs[0]
        rest: list[Gradient | None] = [None] * (len(xs) - 1)
        if g is None:
            return [None, *rest]
        axis = None if g.along is None else alone_in(y.shape, x.shape, g.along.axis)
        return [unchanged(g, table.reshape(g.G, y.shape, x.shape), x.shape, y.shape, axis), *rest]


class Permute(Rule):
    """Axes in another order."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(order)

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        profile = tuple(x.profile[i] for i in self.order)
        axis = None if x.along is None or self.order[0] != 0 else self.order.index(x.along.axis)
        return [moved(x, shapes[0], np.transpose(x.M, self.order), np.transpose(x.R, self.order), profile, axis)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g = gs[0]
        if g is None:
            return [None]
        axis = None if g.along is None or self.order[0] != 0 else self.order[g.along.axis]
        return [unchanged(g, np.transpose(g.G, np.argsort(self.order)), xs[0].shape, ys[0].shape, axis)]


class Part(Rule):
    """Some of the entries: slices, chunks, a place along an axis. ``kept`` are the axes that stay."""

    def __init__(self, kept: Sequence[int | None], places: Mapping[int, int] | None = None) -> None:
        super().__init__()
        self.kept = tuple(kept)  # for each axis of a result, the axis that it was, or None for a new one
        self.places = dict(places or {})  # which place was taken along an axis that went

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x = xs[0]
        height = 1.0
        for axis, place in self.places.items():
            profile = x.profile[axis]
            if profile is not None and len(profile) == x.shape[axis]:
                height *= float(profile[place % x.shape[axis]])
        if height != 1.0:
            x = x.changed(M=x.M * height**2, psi=x.psi * height)
        stays = None if x.along is None else self.stays(x.along.axis)
        return [moved(x, shape, table.tidy(self.cut(x.M, x.shape, shape), shape), axis=stays) for shape in shapes]

    def stays(self, axis: int) -> int | None:
        """Where an axis is in a part, if the samples are still in front."""
        return self.kept.index(axis) if self.kept[:1] == (0,) and axis in self.kept else None

    def cut(self, M: Array, before: Sequence[int], shape: Sequence[int]) -> Array:
        gone = [i for i in range(M.ndim) if i not in self.kept]
        for axis in reversed(gone):
            M = np.take(M, AGREE, axis=axis)
        kept = [k for k in self.kept if k is not None]
        M = np.transpose(M, [sorted(kept).index(k) for k in kept])
        for i, k in enumerate(self.kept):
            if k is None:
                M = table.insert(M, i)
            elif M.shape[i] == 3 and shape[i] != before[k]:
                M = table.plain(M, i, before[k])
        return M

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        x = xs[0]
        total: Array | None = None
        for y, g in zip(ys, gs, strict=True):
            if g is None:
                continue
            G = g.G
            for axis in range(G.ndim):
                G = table.plain(G, axis, y.shape[axis])
            G = spread(G, self.kept, y.shape, x.shape)
            total = G if total is None else total + G
        if total is None:
            return [None]
        profile: list[Array | None] = [None] * total.ndim
        for axis, place in self.places.items():
            one = np.zeros(x.shape[axis])
            one[place % x.shape[axis]] = np.sqrt(x.shape[axis])
            profile[axis] = one
        back = gradient(total, profile=profile)
        known = next((g.along for g in gs if g is not None and g.along is not None), None)
        at = None if known is None or self.places else self.kept[known.axis]
        if at is None or self.stays(at) is None or any(y.shape[self.kept.index(at)] != x.shape[at] for y in ys):
            return [back]
        wide = [self.widened(y, g, x, at) for y, g in zip(ys, gs, strict=True) if g is not None]
        return [sum_along(back, wide, x.shape)]

    def widened(self, y: Signal, g: Gradient, x: Signal, axis: int) -> Gradient:
        """The gradient of a part, spread over the whole."""
        plain = g.G
        for i in range(plain.ndim):
            plain = table.plain(plain, i, y.shape[i])
        G = spread(plain, self.kept, y.shape, x.shape)
        return placed_back(gradient(G), x.shape, carried(g.along, g.G, y.shape, G, x.shape, axis))

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        (x,) = xs
        if len(self.places) == 1:
            ((axis, place),) = self.places.items()
            if axis >= len(x.points) or not (x.points[axis] == x.shape[axis] or 2 < x.points[axis] > place):
                raise Cannot("a place is taken along an axis of which only the mean is known")
            return [x.like([np.take(v, place, axis=axis) for _, v in x.pieces], shapes[0])]
        if (
            x.process is None
            or len(x.pieces) != 1
            or self.kept != tuple(range(len(x.shape)))
            or any(s[:-1] != x.shape[:-1] for s in shapes)
        ):
            raise Cannot("it takes a part of what other weights are met by")
        return [
            Units(s, ((s[-1], x.process.values(x.rows, i).reshape(*x.points, -1) + x.shift),))
            for i, s in enumerate(shapes)
        ]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        x = xs[0]
        if len(self.places) == 1:
            ((axis, place),) = self.places.items()
            if gs[0] is None:
                return [None]
            return [Placed(gs[0].shape, gs[0].pieces, axis=axis, place=place)]
        pieces = [(y.shape[-1], np.zeros_like(y.pieces[0][1]) if g is None else g.pieces[0][1])
                  for y, g in zip(ys, gs, strict=True)]  # fmt: skip
        return [Units(x.shape, tuple(pieces))]


def spread(G: Array, kept: Sequence[int | None], part: Sequence[int], whole: Sequence[int]) -> Array:
    """The table of a gradient that is zero outside a part of a tensor, averaged over the places of the whole."""
    for i in reversed([i for i, k in enumerate(kept) if k is None]):
        G = np.take(G, AGREE, axis=i)
    order = [k for k in kept if k is not None]
    sizes = [part[i] for i, k in enumerate(kept) if k is not None]
    G = np.transpose(G, np.argsort(order))
    sizes = [sizes[i] for i in np.argsort(order)]
    order = sorted(order)
    for axis in range(len(whole)):
        n = whole[axis]
        if axis not in order:
            shares = np.array([0.0, 1 / n])
            G = np.stack([G * shares[0], G * shares[1]], axis=axis)
            continue
        m = sizes[order.index(axis)]
        if m == n:
            continue
        differ, agree = np.take(G, DIFFER, axis=axis), np.take(G, AGREE, axis=axis)
        pairs = m * (m - 1) / (n * (n - 1)) if n > 1 else 0.0
        G = np.stack([differ * pairs, agree * m / n], axis=axis)
    return table.tidy(G, whole)


class Join(Rule):
    """Tensors behind one another along an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        shape = shapes[0]
        axis = self.axis
        tables = table.same_states(*(table.plain(x.M, axis, x.shape[axis]) for x in xs))
        shares = np.array([x.shape[axis] for x in xs]) / shape[axis]
        agree = sum(s * np.take(M, AGREE, axis=axis) for s, M in zip(shares, tables, strict=True))
        means = np.array([x.mean for x in xs])
        total: Array | float = float(shares @ means) ** 2  # of two pieces, unless they are one tensor
        for i, (x, M) in enumerate(zip(xs, tables, strict=True)):
            n, differ = x.shape[axis], np.take(M, DIFFER, axis=axis)
            own = np.take(M, AGREE, axis=axis) / n + differ * (1 - 1 / n)
            total = total + shares[i] ** 2 * (own - means[i] ** 2)
            twins = sum(shares[j] for j, y in enumerate(xs) if j != i and y.root == x.root)
            total = total + shares[i] * twins * (differ - means[i] ** 2)
        n = shape[axis]
        differ = agree if n == 1 else (total - agree / n) / (1 - 1 / n)
        M = np.stack([differ, agree], axis=axis)
        psi = xs[0].psi
        if any(x.root != xs[0].root or not np.array_equal(x.psi, psi) for x in xs[1:]):
            from fanin.signal.grid import W, sorted_quantiles

            psi = sorted_quantiles(
                np.concatenate([x.psi for x in xs]), np.concatenate([s * W for s, x in zip(shares, xs, strict=True)])
            )
        noise = sum(s * x.noise for s, x in zip(shares, xs, strict=True))
        profile = [p if i != axis else None for i, p in enumerate(xs[0].profile)]
        profile[axis] = _heights(xs, axis)
        y = make(shape, M, psi, bases=bases(xs), noise=float(noise), approx=joined_notes(xs), profile=profile)
        pieces, self.members = in_runs([p for x in xs for p in (x.parts if x.joined == axis else (x,))], axis)
        return [y.changed(parts=tuple(pieces), joined=axis)]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g = gs[0]
        if g is None:
            return [None] * len(xs)
        G = table.plain(g.G, self.axis, ys[0].shape[self.axis])
        if g.parts:
            found: list[Gradient | None] = []
            pieces = (p for p, many in zip(g.parts, self.members, strict=True) for _ in range(many))
            for x in xs:
                own = [next(pieces) for _ in (x.parts if x.joined == self.axis else (x,))]
                found.append(own[0] if len(own) == 1 else put_together(own, x.parts, self.axis))
            return found
        profile = g.profile[self.axis] if len(g.profile) == G.ndim else None
        if profile is None or len(profile) != ys[0].shape[self.axis]:
            return [gradient(table.tidy(G, x.shape)) for x in xs]
        out: list[Gradient | None] = []
        start = 0
        for x in xs:
            heights = profile[start : start + x.shape[self.axis]]
            start += x.shape[self.axis]
            out.append(gradient(table.tidy(G, x.shape) * float(np.mean(heights**2))))
        return out

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        if self.axis != len(shapes[0]) - 1 or any(x.points != xs[0].points for x in xs):
            raise Cannot("it joins what weights are met by again along an axis that is not the last")
        return [Units(shapes[0], tuple(piece for x in xs for piece in x.pieces))]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        if gs[0] is None:
            return [None for _ in xs]
        pieces = iter(gs[0].pieces)
        return [Units(x.shape, tuple(next(pieces) for _ in x.pieces)) for x in xs]


def in_runs(pieces: Sequence[Signal], axis: int) -> tuple[list[Signal], list[int]]:
    """Neighbouring pieces of one law as one piece, and how many each was made of: blocks that repeat give the same."""
    found: list[Signal] = []
    members: list[int] = []
    for piece in pieces:
        if found and _of_one_law(found[-1], piece, axis):
            shape = list(piece.shape)
            shape[axis] += found[-1].shape[axis]
            share = piece.shape[axis] / shape[axis]
            M, R = ((1 - share) * a + share * b for a, b in ((found[-1].M, piece.M), (found[-1].R, piece.R)))
            both = (found[-1], piece)
            found[-1] = make(shape, M, piece.psi, R=R, bases=bases(both), profile=piece.profile,
                             noise=max(x.noise for x in both), approx=joined_notes(both))  # fmt: skip
            members[-1] += 1
        else:
            found.append(piece)
            members.append(1)
    return found, members


SAME_LAW = 0.005
"""Up to which share of the second moment tables of pieces may differ that are taken as one."""


def _of_one_law(x: Signal, y: Signal, axis: int) -> bool:
    """Whether channels of two pieces are as alike as those within each: of weights of their own, and one law."""
    if x.root == y.root or x.M.shape != y.M.shape or x.q <= 0 or x.along is not None or y.along is not None:
        return False
    apart = np.take(x.M, DIFFER, axis=axis) - x.mean**2
    return bool(
        min(x.shape[axis], y.shape[axis]) > 1
        and np.abs(apart).max() <= SAME_LAW * x.q
        and np.abs(x.M - y.M).max() <= SAME_LAW * x.q
        and np.abs(x.psi - y.psi).max() <= SAME_LAW * np.sqrt(x.q)
        and all(
            (a is None) == (b is None) and (a is None or b is None or np.abs(a - b).max() <= SAME_LAW)
            for a, b in zip(x.profile, y.profile, strict=True)
        )
    )


def _heights(xs: Sequence[Signal], axis: int) -> Array | None:
    """The amplitudes along an axis of pieces that differ in size: a class token in front of patches."""
    pieces = []
    for x in xs:
        own = x.profile[axis]
        n = x.shape[axis]
        pieces.append(np.sqrt(x.q) * (own if own is not None and len(own) == n else np.ones(n)))
    whole = np.concatenate(pieces)
    mean = float(np.mean(whole**2))
    if mean <= 0 or float(np.ptp(whole)) < 1e-6 * np.sqrt(mean):
        return None
    return np.asarray(whole / np.sqrt(mean))


def cut_apart(g: Gradient, parts: Sequence[Signal], axis: int) -> tuple[Gradient, ...]:
    """The gradients at the pieces of a tensor along an axis, where nothing tells them apart."""
    G = table.plain(g.G, axis, sum(p.shape[axis] for p in parts))
    return tuple(gradient(table.tidy(G, p.shape)) for p in parts)


def put_together(gs: Sequence[Gradient], parts: Sequence[Signal], axis: int) -> Gradient:
    """The gradient at a tensor, given those at its pieces along an axis."""
    sizes = np.array([p.shape[axis] for p in parts], dtype=float)
    tables = table.same_states(*(table.plain(g.G, axis, p.shape[axis]) for g, p in zip(gs, parts, strict=True)))
    G = sum(s * t for s, t in zip(sizes / sizes.sum(), tables, strict=True))
    return Gradient(np.asarray(G), gs[0].h, gradient(np.asarray(G)).source, (), tuple(gs), lean=gs[0].lean)


class Stretch(Rule):
    """Entries repeated: ``expand``, ``repeat``, nearest upsampling, so often as the shapes say."""

    def __init__(self, *, tiled: bool = True) -> None:
        super().__init__()
        self.tiled = tiled
        self.times: tuple[int, ...] = ()

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        before_all = (1,) * (len(shape) - len(x.shape)) + x.shape
        if any(n % m for n, m in zip(shape, before_all, strict=True)):
            raise Cannot("it is brought to a size that is no multiple")
        self.times = tuple(n // m for n, m in zip(shape, before_all, strict=True))
        M = table.align(x.M, len(shape))
        for axis, k in enumerate(self.times):
            if k == 1:
                continue
            before = shape[axis] // k
            n = shape[axis]
            if M.shape[axis] == 3 and not self.tiled:
                # Of neighbours after k copies of each, 1 - 1/k were one entry, the others neighbours.
                far, agree, near = (np.take(M, [i], axis=axis) for i in range(3))
                total = (agree / before) + (1 - 1 / before) * np.take(table.plain(M, axis, before), [DIFFER], axis=axis)
                close = agree * (1 - 1 / k) + near / k
                share = table.counts(n, 3)
                rest = (total - share[1] * agree - share[2] * close) / max(share[0], 1e-12)
                M = np.concatenate([rest if share[0] > 1e-12 else far, agree, close], axis=axis)
                continue
            M = table.plain(M, axis, before)
            differ, agree = np.take(M, [DIFFER], axis=axis), np.take(M, [AGREE], axis=axis)
            same = (k - 1) / (n - 1)  # the share of other entries that are copies
            M = np.concatenate([same * agree + (1 - same) * differ, agree], axis=axis)
        profile = [None if p is None or k != 1 else p for p, k in zip(
            (None,) * (len(shape) - len(x.shape)) + x.profile, self.times, strict=True)]  # fmt: skip
        return [moved(x, shape, M, profile=profile, axis=self.stays(x.along, len(shape) - len(x.shape)))]

    def stays(self, along: Resolved | None, extra: int) -> int | None:
        """Where the axis is that has its positions known, if neither it nor that of samples is stretched."""
        if along is None or extra or self.times[0] != 1 or self.times[along.axis] != 1:
            return None
        return along.axis

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        (x,), (y,), (g,) = xs, ys, gs
        if g is None:
            return [None]
        G = g.G
        extra = len(y.shape) - len(x.shape)
        for axis, k in enumerate(self.times):
            if k == 1:
                continue
            n = y.shape[axis]
            own = x.shape[axis - extra] if axis >= extra else 1
            if own == 1:
                continue
            if G.shape[axis] == 3 and not self.tiled:
                agree, near = np.take(G, [AGREE], axis=axis), np.take(G, [2], axis=axis)
                G = table.plain(G, axis, n)
                inner = k * agree + k * (k - 1) * (near if k == 2 else (near + np.take(G, [DIFFER], axis=axis)) / 2)
                G = np.concatenate([np.take(G, [DIFFER], axis=axis) * k * k, inner], axis=axis)
                continue
            G = table.plain(G, axis, n)
            differ, agree = np.take(G, [DIFFER], axis=axis), np.take(G, [AGREE], axis=axis)
            G = np.concatenate([differ * k * k, k * agree + k * (k - 1) * differ], axis=axis)
        back = gradient(folded(G, y.shape, x.shape))
        along = carried(g.along, g.G, y.shape, back.G, x.shape, self.stays(g.along, extra))
        return [placed_back(back, x.shape, along)]


class Pad(Rule):
    """Zeros (or another number) around a tensor; ``sizes`` are the numbers added to each axis."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        x, shape = xs[0], shapes[0]
        share = prod(x.shape) / prod(shape)
        M = x.M
        for axis in range(M.ndim):
            M = table.plain(M, axis, x.shape[axis]) if shape[axis] != x.shape[axis] else M
        return [make(shape, M * share + (1 - share) * self.value**2, bases=x.bases, noise=x.noise,
                     approx=joined_notes(xs, "padding is spread over all positions"))]  # fmt: skip

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g = gs[0]
        if g is None:
            return [None]
        G = g.G
        for axis in range(G.ndim):
            G = table.plain(G, axis, ys[0].shape[axis])
        return [gradient(table.tidy(G, xs[0].shape))]
