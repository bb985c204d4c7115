"""Which positions of one tensor a position of another sees: linear in it, up to an interval.

A position of an axis is a number from 0. What a position ``o`` of a tensor sees along an axis of an input is

    factor₁ · digit₁(o) + factor₂ · digit₂(o) + … + [low, high]        (modulo ``wraps``, where there is one)

and whatever of that lies outside the axis is not there. A digit, ``(o[axis] // unit) % size``, is what an axis is made
of: reshaping splits and joins them, so that views, windows, strides and resampling compose without loss. An axis below
0 is a place that is gone through, such as the one a matrix product sums over. Where a sum cannot be told exactly, it is
widened: a span never leaves out a position that is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import TypeAlias

from fanin.ir.bounds import SIZES
from fanin.ir.dims import Dim, floordiv, maximum, minimum
from fanin.ir.division import exact_quotient
from fanin.record import record

End: TypeAlias = "Dim | float"  # a float is infinite


@record
class Digit:
    """``(o[axis] // unit) % size``: the whole axis where ``unit`` is 1 and ``size`` its size."""

    axis: int
    unit: Dim
    size: Dim


Terms: TypeAlias = tuple[tuple[Dim, Digit], ...]


@record
class Span:
    """Positions along one axis, in digits of the position that sees them."""

    terms: Terms = ()
    low: End = 0
    high: End = 0
    wraps: Dim | None = None

    @property
    def exactly(self) -> bool:
        """Whether it is one position."""
        return self.low == self.high

    def covers(self, size: Dim) -> bool:
        """Whether it is all of an axis of this size, wherever one looks from."""
        return not self.terms and no_more(self.low, 0) and no_more(size - 1, self.high)


ALL = Span((), -inf, inf)
Box: TypeAlias = tuple[Span, ...]
"""A span for each axis of a tensor."""


def whole(axis: int, size: Dim, shift: Dim = 0) -> Span:
    """The same position of an axis, or one so much further on."""
    return normal(((1, Digit(axis, 1, size)),), shift, shift)


def at(place: Dim) -> Span:
    return Span((), place, place)


def through(number: int, size: Dim) -> Span:
    """The place that is gone through, by its number."""
    return whole(-1 - number, size)


# ------------------------------------------------------------------------------------------------------- arithmetic


def no_more(a: End, b: End) -> bool:
    """Whether a <= b, as far as it can be proven."""
    if isinstance(a, float) or isinstance(b, float):
        return a == b or a == -inf or b == inf
    if isinstance(a, int) and isinstance(b, int):
        return a <= b
    low = SIZES.low(b - a)
    return low is not None and low >= 0


def _least(a: End, b: End) -> End:
    if isinstance(a, float) or isinstance(b, float):
        return a if no_more(a, b) else b
    return minimum(a, b)


def _most(a: End, b: End) -> End:
    if isinstance(a, float) or isinstance(b, float):
        return b if no_more(a, b) else a
    return maximum(a, b)


def _plus(a: End, b: End) -> End:
    """The sum; infinite ends that meet here have one sign."""
    if isinstance(a, float):
        return a
    return b if isinstance(b, float) else a + b


def sign_of(d: Dim) -> int | None:
    if isinstance(d, int):
        return (d > 0) - (d < 0)
    low, high = SIZES.low(d), SIZES.high(d)
    return 1 if low is not None and low > 0 else -1 if high is not None and high < 0 else None


def _times(d: Dim, end: End) -> End:
    if isinstance(end, float):
        return end if sign_of(d) == 1 else -end
    return d * end


def added(terms: Iterable[tuple[Dim, Digit]]) -> Terms:
    """Equal digits added up, and neighbouring ones joined: ``k · (o // k) + o % k`` is ``o``."""
    sums: dict[Digit, Dim] = {}
    for factor, digit in terms:
        if digit.size != 1:
            sums[digit] = sums.get(digit, 0) + factor
    left = {d: f for d, f in sums.items() if f != 0}
    joined = len(left) > 1
    while joined:
        joined = False
        for small, f in left.items():
            step = f * small.size
            mate = next(
                (d for d, g in left.items() if d.axis == small.axis and d is not small and g == step
                 and d.unit == small.unit * small.size),
                None,
            )  # fmt: skip
            if mate is not None:
                del left[small], left[mate]
                both = Digit(small.axis, small.unit, small.size * mate.size)
                left[both] = left.get(both, 0) + f
                joined = True
                break
    if len(left) < 2:
        return tuple((f, d) for d, f in left.items())
    return tuple(sorted(((f, d) for d, f in left.items()), key=lambda t: (t[1].axis, str(t[1].unit), str(t[1].size))))


def normal(terms: Iterable[tuple[Dim, Digit]], low: End, high: End, wraps: Dim | None = None) -> Span:
    return Span(added(terms), low, high, wraps)


# ------------------------------------------------------------------------------------------------------ composition


def compose(outer: Span, inner: Sequence[Span], shape: Sequence[Dim]) -> Span:
    """What ``outer``, in digits of a tensor of this shape, sees where that tensor's axes stand for ``inner``."""
    if not outer.terms:
        return outer
    if len(outer.terms) == 1 and outer.low == 0 == outer.high:
        ((factor, digit),) = outer.terms
        if factor == 1 and digit.axis >= 0 and digit == Digit(digit.axis, 1, shape[digit.axis]):
            return inner[digit.axis]  # the same position, which may go round
    terms: list[tuple[Dim, Digit]] = []
    low, high = outer.low, outer.high
    for factor, digit in outer.terms:
        sign = sign_of(factor)
        if sign is None:
            return ALL
        if digit.axis < 0:  # of no axis of that tensor
            terms.append((factor, digit))
            continue
        part = _digit_of(digit, inner[digit.axis], shape[digit.axis], factor, outer.wraps)
        ends = (part.low, part.high) if sign > 0 else (part.high, part.low)
        low, high = _plus(low, _times(factor, ends[0])), _plus(high, _times(factor, ends[1]))
        terms += [(factor * f, d) for f, d in part.terms]
    if low == -inf and high == inf:
        return ALL
    return normal(terms, low, high, outer.wraps)


def digit_of(digit: Digit, at: Span, size: Dim) -> Span:
    """The digit of a position of an axis of this size."""
    return _digit_of(digit, at, size, 1, None)


def _digit_of(digit: Digit, at: Span, size: Dim, factor: Dim, wraps: Dim | None) -> Span:
    """``(at // unit) % size`` of the digit, where ``at`` is a position of an axis of that size.

    A position that wraps is as good as one that does not where ``factor`` times its round is a round of ``wraps``.
    """
    unit, count = digit.unit, digit.size
    widest = Span((), 0, count - 1)
    if unit == 0 or count == 0:  # of an axis without places
        return widest
    if unit == 1 and count == size:
        if at.wraps is None:
            return at
        free = wraps is not None and exact_quotient(factor * at.wraps, wraps) is not None
        return Span(at.terms, at.low, at.high) if free else widest
    if at.wraps is not None or isinstance(at.low, float) or isinstance(at.high, float):
        return widest
    low, high = at.low, at.high
    parts = at.terms
    if unit * count != size:  # what is a multiple of the digit's whole range falls away, if nothing is carried over
        parts = _remainder(parts, unit * count)
        if not _ups(parts) or not no_more(0, low) or not no_more(_plus(_reach(parts), high), unit * count - 1):
            return widest
    terms: list[tuple[Dim, Digit]] = []
    for f, d in parts:
        quotient = exact_quotient(f, unit)
        if quotient is not None:
            terms.append((quotient, d))
            continue
        if sign_of(f) != 1:
            return widest
        into = exact_quotient(unit, f)
        above = exact_quotient(d.size, into) if into is not None else None
        if into is not None and above is not None:  # the digit has a part above the unit and one below
            terms.append((1, Digit(d.axis, d.unit * into, above)))
            high = high + f * (into - 1)
        else:
            high = high + f * (d.size - 1)
    return normal(terms, floordiv(low, unit), floordiv(high, unit))


def _remainder(terms: Terms, whole: Dim) -> Terms:
    """A sum of digits without multiples of ``whole``."""
    found: list[tuple[Dim, Digit]] = []
    for f, d in terms:
        if exact_quotient(f, whole) is not None:
            continue
        count = exact_quotient(whole, f)
        split = count is not None and exact_quotient(d.size, count) is not None
        found.append((f, Digit(d.axis, d.unit, count) if split and count is not None else d))
    return tuple(found)


def _ups(terms: Iterable[tuple[Dim, Digit]]) -> bool:
    return all(sign_of(f) == 1 for f, _ in terms)


def _reach(terms: Iterable[tuple[Dim, Digit]]) -> End:
    """The largest value of a sum of digits with factors above 0."""
    total: End = 0
    for factor, digit in terms:
        total = _plus(total, factor * (digit.size - 1))
    return total


# ------------------------------------------------------------------------------------------------------------ unions


def within(a: Span, b: Span) -> bool:
    """Whether all that ``a`` sees ``b`` sees too, as far as it can be proven."""
    if b == ALL or a == b:
        return True
    return (
        a.terms == b.terms
        and no_more(b.low, a.low)
        and no_more(a.high, b.high)
        and (a.wraps is None or a.wraps == b.wraps)
    )


def coarse(span: Span, shape: Sequence[Dim]) -> Span:
    """A span that holds it in whole positions alone, as far as that can be: ``2 (o // 2)`` is ``o + [-1, 0]``."""
    terms: list[tuple[Dim, Digit]] = []
    low, high = span.low, span.high
    for factor, d in span.terms:
        if d.axis < 0:
            terms.append((factor, d))
            continue
        size = shape[d.axis]
        if d.unit == 1 and d.size == size:
            terms.append((factor, d))
            continue
        sign = sign_of(factor)
        whole_factor = exact_quotient(factor, d.unit)
        if sign != 1:
            return ALL
        if no_more(size, d.unit * d.size) and whole_factor is not None:
            terms.append((whole_factor, Digit(d.axis, 1, size)))
            low = _plus(low, -whole_factor * (d.unit - 1))
        elif d.unit == 1:
            high = _plus(high, factor * (d.size - 1))
        else:
            terms.append((factor, d))
    return normal(terms, low, high, span.wraps)


def hull(a: Span, b: Span, shape: Sequence[Dim]) -> Span:
    """A span that holds both, in digits of a tensor of this shape."""
    if within(a, b):
        return b
    if within(b, a):
        return a
    if a.terms != b.terms:
        a, b = coarse(a, shape), coarse(b, shape)
        if a.terms != b.terms:
            return ALL
    if a.wraps != b.wraps:
        return ALL
    low, high = _least(a.low, b.low), _most(a.high, b.high)
    return ALL if low == -inf and high == inf else Span(a.terms, low, high, a.wraps)


LIMIT = 4
"""How many boxes are kept apart before they are joined."""


def union(boxes: Iterable[Box], shape: Sequence[Dim]) -> tuple[Box, ...]:
    """Boxes without those that others hold; more than ``LIMIT`` are joined into one."""
    kept: list[Box] = []
    for box in boxes:
        if any(_inside(box, other) for other in kept):
            continue
        kept = [other for other in kept if not _inside(other, box)]
        kept.append(box)
    if len(kept) <= LIMIT:
        return tuple(kept)
    joined = kept[0]
    for box in kept[1:]:
        joined = tuple(hull(a, b, shape) for a, b in zip(joined, box, strict=True))
    return (joined,)


def _inside(a: Box, b: Box) -> bool:
    return all(within(x, y) for x, y in zip(a, b, strict=True))
