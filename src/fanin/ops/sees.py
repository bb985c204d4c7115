"""How the entries of a result are made of those of the inputs: what ``Op.sees`` answers, and how it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, prod
from typing import TypeAlias, cast

from fanin.ir.dims import Dim
from fanin.ir.numbers import Form
from fanin.ir.places import ALL, Box, Digit, Span, at, digit_of, normal, through, whole
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Sees:
    """What an entry of a result sees, by its position and by the places that are gone through.

    ``reads`` has, for each input, the boxes that are looked at: none where its numbers do not matter. ``through`` are
    the sizes of the places gone through, in the order of their numbers; ``only`` are forms that are 0 or more at those
    that count, and ``void`` names an input and the numbers in it that make nothing of a place. ``own`` are the axes of
    the result along which the function itself is another (weights of their own, a count of the place); ``weighted``
    the axes of inputs, as (input, axis), whose places are told apart. ``moves``: the entries are the first input's own.
    ``blunt``: nothing closer is said than that everything is seen.
    """

    reads: tuple[tuple[Box, ...], ...]
    through: tuple[Dim, ...] = ()
    only: tuple[Form, ...] = ()
    void: tuple[tuple[int, tuple[bool | float, ...]], ...] = ()
    own: tuple[int, ...] = ()
    weighted: tuple[tuple[int, int], ...] = ()
    moves: bool = False
    blunt: bool = False


@record
class Use:
    """One use of an op: the types of its inputs, None for what was left out, and of its results."""

    types: tuple[TensorType | None, ...]
    outs: tuple[TensorType, ...]
    training: bool = False

    @property
    def x(self) -> TensorType:
        """The first input."""
        found = self.types[0]
        assert found is not None
        return found

    @property
    def out(self) -> TensorType:
        """The first result."""
        return self.outs[0]


Types: TypeAlias = Sequence["TensorType | None"]


def all_of(types: Types, out: TensorType) -> Sees:
    """Every entry sees everything: what holds of any op."""
    return Sees(tuple(() if t is None else ((ALL,) * t.rank,) for t in types), own=tuple(range(out.rank)), blunt=True)


def same(t: TensorType) -> Box:
    """The entry at the same position."""
    return tuple(whole(i, size) for i, size in enumerate(t.shape))


def aligned(t: TensorType, out: TensorType) -> Box:
    """The entry at the same position where ``t`` is broadcast to ``out``."""
    new = out.rank - t.rank
    return tuple(
        at(0) if type(size) is int and size == 1 else whole(i + new, out.shape[i + new])
        for i, size in enumerate(t.shape)
    )


def pointwise(types: Types, out: TensorType, **more: object) -> Sees:
    """A function of entries at one position."""
    return Sees(tuple(() if t is None else (aligned(t, out),) for t in types), **more)  # type: ignore[arg-type]


def moved(box: Box, *others: Box) -> Sees:
    """An entry of one input."""
    return Sees(((box, *others),), moves=True)


def mixing(
    x: TensorType, axes: Iterable[int], keeps: bool = True, *, own: Iterable[int] = (), weighted: bool = False
) -> Sees:
    """All entries along some axes, together with that at the same position where it keeps them."""
    over = sorted(i % x.rank for i in axes)
    numbers = {axis: n for n, axis in enumerate(over)}
    box = tuple(through(numbers[i], size) if i in numbers else whole(i, size) for i, size in enumerate(x.shape))
    told = tuple((0, i) for i in over) if weighted else ()
    boxes = (same(x), box) if keeps and not weighted else (box,)
    return Sees((boxes,), tuple(x.shape[i] for i in over), own=tuple(own), weighted=told)


def reducing(x: TensorType, axes: Iterable[int], out: TensorType, keepdim: bool) -> Box:
    """The entries along some axes, which the result has as 1 or not at all; they are gone through in their order."""
    over = sorted(i % x.rank for i in axes)
    kept = iter(range(out.rank))
    box: list[Span] = []
    for i, size in enumerate(x.shape):
        if i in over:
            box.append(through(over.index(i), size))
            if keepdim:
                next(kept)
        else:
            box.append(whole(next(kept), size))
    return tuple(box)


def named(
    axes: Sequence[Sequence[str]], out: Sequence[Sequence[str]], sizes: dict[str, Dim], gone: Sequence[str]
) -> Box:
    """The box of a tensor whose axes are made of named ones, for a result whose axes are: ``b (h d)``."""
    digits: dict[str, Span] = {name: through(n, sizes[name]) for n, name in enumerate(gone)}
    for place, group in enumerate(out):
        unit: Dim = 1
        for name in reversed(group):
            digits[name] = normal([(1, Digit(place, unit, sizes[name]))], 0, 0)
            unit = unit * sizes[name]
    box: list[Span] = []
    for group in axes:
        unit = 1
        terms: list[tuple[Dim, Digit]] = []
        for name in reversed(group):
            terms += [(unit * f, d) for f, d in digits[name].terms]
            unit = unit * sizes[name]
        box.append(normal(terms, 0, 0))
    return tuple(box)


def reshaped(x: TensorType, out: TensorType) -> Box:
    """The entry that stands there when the numbers, in their order, get another shape."""
    box: list[Span] = []
    i = j = 0
    while i < x.rank:
        a, b = _group(x.shape, out.shape, i, j)
        size = cast(Dim, prod(x.shape[i:a]))
        flat: list[tuple[Dim, Digit]] = []
        for k in range(j, b):
            flat.append((cast(Dim, prod(out.shape[k + 1 : b])), Digit(k, 1, out.shape[k])))
        row = normal(flat, 0, 0)
        for k in range(i, a):
            digit = Digit(0, cast(Dim, prod(x.shape[k + 1 : a])), x.shape[k])
            box.append(at(0) if type(x.shape[k]) is int and x.shape[k] == 1 else digit_of(digit, row, size))
        i, j = a, b
    return tuple(box)


def _group(xs: Sequence[Dim], ys: Sequence[Dim], i: int, j: int) -> tuple[int, int]:
    """The ends of the first axes from ``i`` and from ``j`` on that hold as many numbers."""
    for total in range(2, len(xs) - i + len(ys) - j + 1):
        for a in range(max(1, total - (len(ys) - j)), min(len(xs) - i, total - 1) + 1):
            b = total - a
            if prod(xs[i : i + a]) == prod(ys[j : j + b]):
                return i + a, j + b
    return len(xs), len(ys)


def windows(x: TensorType, out: TensorType, spans: Sequence[tuple[int, int, int]], first: int) -> list[Span]:
    """Spans for moving windows, as (extent, stride, padding), from an axis on; the axes before it stay."""
    box = [whole(i, size) for i, size in enumerate(x.shape[:first])]
    for i, (extent, stride, padding) in enumerate(spans, first):
        box.append(normal([(stride, Digit(i, 1, out.shape[i]))], -padding, extent - 1 - padding))
    return box


def up_to(axis: int, size: Dim) -> Span:
    """The positions up to the same one."""
    return Span(whole(axis, size).terms, -inf, 0)
