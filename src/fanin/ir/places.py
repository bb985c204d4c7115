"""Which positions of one tensor a position of another sees: linear in it, up to an interval.

A position of an axis is a number from 0. What a position ``o`` of a tensor sees along an axis of an input is

    factor₁ · digit₁(o) + factor₂ · digit₂(o) + … + [low, high]        (modulo the size of the axis where it ``wraps``)

and whatever of that lies outside the axis is not there. A digit, ``(o[axis] // unit) % size``, is what an axis is made
of: reshaping splits and joins them, so that views, windows, strides and resampling compose without loss. Where a sum
cannot be told exactly, it is widened: a span never leaves out a position that is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TypeAlias

from fanin.ir.bounds import SIZES
from fanin.ir.dims import Dim, Symbol, floordiv, maximum, minimum, substitute
from fanin.ir.division import exact_quotient
from fanin.record import record

End: TypeAlias = "Dim | float"  # a float is infinite


@record
class Digit:
    """``(o[axis] // unit) % size``: the whole axis where ``unit`` is 1 and ``size`` its size."""

    axis: int
    unit: Dim
    size: Dim


@record
class Span:
    """Positions along one axis, in digits of the position that sees them."""

    terms: tuple[tuple[Dim, Digit], ...] = ()
    low: End = 0
    high: End = 0
    wraps: bool = False

    @property
    def everything(self) -> bool:
        return self.low == -inf and self.high == inf

    @property
    def exactly(self) -> bool:
        """Whether it is one position."""
        return self.low == self.high and not self.everything


ALL = Span((), -inf, inf)
Box: TypeAlias = tuple[Span, ...]
"""A span for each axis of a tensor."""


def whole(axis: int, size: Dim, shift: Dim = 0) -> Span:
    """The same position of an axis, or one so much further on."""
    return Span(((1, Digit(axis, 1, size)),), shift, shift)


def at(place: Dim) -> Span:
    return Span((), place, place)


# ------------------------------------------------------------------------------------------------------- arithmetic


def no_more(a: End, b: End) -> bool:
    """Whether a <= b, as far as it can be proven."""
    if isinstance(a, float) or isinstance(b, float):
        return a == b or a == -inf or b == inf
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
    """The sum; of two infinite ends the first one's sign counts, and they never differ here."""
    if isinstance(a, float):
        return a
    return b if isinstance(b, float) else a + b


def _sign(d: Dim) -> int | None:
    if isinstance(d, int):
        return (d > 0) - (d < 0)
    low, high = SIZES.low(d), SIZES.high(d)
    return 1 if low is not None and low > 0 else -1 if high is not None and high < 0 else None


def _times(d: Dim, end: End) -> End:
    if isinstance(end, float):
        return end if _sign(d) == 1 else -end
    return d * end


def _normal(terms: Iterable[tuple[Dim, Digit]], low: End, high: End, wraps: bool = False) -> Span:
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
            mate = next(
                (d for d, g in left.items() if d.axis == small.axis and d.unit == small.unit * small.size
                 and d is not small and g == f * small.size),
                None,
            )  # fmt: skip
            if mate is not None:
                del left[small], left[mate]
                both = Digit(small.axis, small.unit, small.size * mate.size)
                left[both] = left.get(both, 0) + f
                joined = True
                break
    found = sorted(((f, d) for d, f in left.items()), key=lambda t: (t[1].axis, str(t[1].unit), str(t[1].size)))
    return Span(tuple(found), low, high, wraps)


# ------------------------------------------------------------------------------------------------------ composition


def compose(outer: Span, inner: Sequence[Span], shape: Sequence[Dim]) -> Span:
    """What ``outer``, in digits of a tensor of this shape, sees where that tensor's axes stand for ``inner``."""
    terms: list[tuple[Dim, Digit]] = []
    low, high = outer.low, outer.high
    for factor, digit in outer.terms:
        part = _digit_of(digit, inner[digit.axis], shape[digit.axis])
        sign = _sign(factor)
        if sign is None:
            return ALL
        ends = (part.low, part.high) if sign > 0 else (part.high, part.low)
        low, high = _plus(low, _times(factor, ends[0])), _plus(high, _times(factor, ends[1]))
        terms += [(factor * f, d) for f, d in part.terms]
    if low == -inf and high == inf:
        return ALL
    return _normal(terms, low, high, outer.wraps)


def _digit_of(digit: Digit, at: Span, size: Dim) -> Span:
    """``(at // unit) % size`` of the digit, where ``at`` is a position of an axis of that size."""
    unit, count = digit.unit, digit.size
    widest = Span((), 0, count - 1)
    if unit == 1 and count == size:
        return at if not at.wraps else widest
    if at.wraps or isinstance(at.low, float) or isinstance(at.high, float):
        return widest
    terms: list[tuple[Dim, Digit]] = []
    low: Dim = at.low
    high: Dim = at.high
    for factor, d in at.terms:
        quotient = exact_quotient(factor, unit)
        if quotient is not None:
            terms.append((quotient, d))
            continue
        into = exact_quotient(unit, factor) if _sign(factor) == 1 else None
        if _sign(factor) != 1:
            return widest
        above = exact_quotient(d.size, into) if into is not None else None
        if into is not None and above is not None:  # the digit has a part above the unit and one below
            terms.append((1, Digit(d.axis, d.unit * into, above)))
            high = high + factor * (into - 1)
        else:
            high = high + factor * (d.size - 1)
    below, over = floordiv(low, unit), floordiv(high, unit)
    if unit * count == size or (below == 0 == over and no_more(_reach(terms), count - 1)):
        return _normal(terms, below, over)
    rest = [(f, d) for f, d in terms if exact_quotient(f, count) is None]
    if below == 0 == over and len(rest) == 1 and rest[0][0] == 1:
        d = rest[0][1]
        if exact_quotient(d.size, count) is not None:
            return _normal([(1, Digit(d.axis, d.unit, count))], 0, 0)
    if below == 0 == over and no_more(_reach(rest), count - 1):
        return _normal(rest, 0, 0)
    return widest


def _reach(terms: Iterable[tuple[Dim, Digit]]) -> End:
    """The largest value of a sum of digits."""
    total: End = 0
    for factor, digit in terms:
        total = _plus(total, factor * (digit.size - 1) if _sign(factor) == 1 else (0 if _sign(factor) == -1 else inf))
    return total


def substituted(span: Span, sizes: Mapping[Symbol, Dim]) -> Span:
    """A span in other letters."""
    if not sizes:
        return span

    def end(e: End) -> End:
        return e if isinstance(e, float) else substitute(e, sizes)

    terms = [(substitute(f, sizes), Digit(d.axis, substitute(d.unit, sizes), substitute(d.size, sizes))) for f, d in span.terms]
    return _normal(terms, end(span.low), end(span.high), span.wraps)


# ------------------------------------------------------------------------------------------------------------ unions


def within(a: Span, b: Span) -> bool:
    """Whether all that ``a`` sees ``b`` sees too, as far as it can be proven."""
    if b.everything or a == b:
        return True
    return (
        a.terms == b.terms
        and no_more(b.low, a.low)
        and no_more(a.high, b.high)
        and (b.wraps or not a.wraps)
    )


def hull(a: Span, b: Span) -> Span:
    """The least span that holds both."""
    if a.everything or b.everything or a.terms != b.terms:
        return ALL
    low, high = _least(a.low, b.low), _most(a.high, b.high)
    return ALL if low == -inf and high == inf else Span(a.terms, low, high, a.wraps or b.wraps)
