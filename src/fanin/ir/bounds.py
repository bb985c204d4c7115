"""Proven lower and upper bounds of dimensions, from ranges of their symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fanin.ir.poly import (
    Atom,
    Dim,
    Extremum,
    Floor,
    Monomial,
    Poly,
    Symbol,
    from_terms,
)
from fanin.ir.substitution import replace_atoms

Range = tuple[int | None, int | None]
_OPEN: Range = (1, None)
_FUEL = 20_000  # a net: the limit on shape below ends a search first
_MANY = 6


class Bounds:
    """Bounds under given ranges; a symbol without one is at least 1, a defined one what its definition is.

    ``low`` and ``high`` give a number that no size in these ranges passes, or None where none was found.
    They are sound, not tight. A search that takes too long ends as None.
    """

    def __init__(self, ranges: Mapping[Symbol, Range] | None = None) -> None:
        self._ranges = ranges or {}
        self._known: dict[Poly, int | None] = {}
        self._fuel = 0

    def low(self, d: Dim) -> int | None:
        """A number that ``d`` never goes below."""
        if type(d) is int:
            return d
        assert isinstance(d, Poly)
        if d in self._known:
            return self._known[d]
        if len(self._known) > 20_000:
            self._known.clear()
        self._fuel = _FUEL
        return self._low(d)

    def high(self, d: Dim) -> int | None:
        """A number that ``d`` never goes above."""
        low = self.low(-d)
        return None if low is None else -low

    def _low(self, d: Dim) -> int | None:
        if type(d) is int:
            return d
        assert isinstance(d, Poly)
        if d in self._known:
            return self._known[d]
        self._fuel -= 1
        if self._fuel < 0:
            return None
        found = self._of_poly(d)
        if self._fuel >= 0:
            self._known[d] = found
        return found

    def _high(self, d: Dim) -> int | None:
        low = self._low(-d)
        return None if low is None else -low

    def _of_poly(self, d: Poly) -> int | None:
        atoms = {a for m in d.terms for a in m}
        whole = [a for a in atoms if a.depth]
        if not whole:
            return self._polynomial(d, {a: self._symbol(a) for a in atoms if type(a) is Symbol})
        best = None
        if len(d.terms) == 1 + (() in d.terms) or sum(1 for a in d.atoms() if a.depth) > _MANY:
            # Of one term the ranges of its factors say most there is; of many, what is cheap to say.
            best = self._polynomial(d, {a: self._range(a) for a in atoms})
            if best is not None or len(d.terms) > 2:
                return best
        atom = max(whole, key=lambda a: (a.depth, a.key))
        factor, rest = linear_in(d, atom)
        if factor is not None:
            sign = self._sign(factor)
            if type(atom) is Floor:
                best = _more(best, self._by_floor(atom, factor, rest, sign))
            elif type(atom) is Extremum:
                best = _more(best, self._by_extremum(atom, factor, rest, sign))
        if best is None:
            best = self._polynomial(d, {a: self._range(a) for a in atoms})
        return best

    def _by_floor(self, q: Floor, factor: Dim, rest: Dim, sign: int) -> int | None:
        """The least of ``factor * q + rest``, by the range of ``q`` and by ``num - den < den * q <= num``."""
        if not sign:
            return None
        lo, hi = self._range(q)
        best = None
        limit = lo if sign > 0 else hi
        if limit is not None:
            best = self._low(factor * limit + rest)
        num = q.num - q.den + 1 if sign > 0 else q.num
        scaled = self._low(factor * num + rest * q.den)
        if scaled is not None:
            best = _more(best, self._unscaled(scaled, q.den))
        return best

    def _unscaled(self, low: int, den: Dim) -> int | None:
        """A bound of ``x`` from one of ``den * x``."""
        if type(den) is int:
            return -(-low // den)
        if low >= 0:
            return 1 if low > 0 else 0
        least = max(self._low(den) or 1, 1)
        return -(-low // least)

    def _by_extremum(self, e: Extremum, factor: Dim, rest: Dim, sign: int) -> int | None:
        lows = [self._low(factor * arg + rest) for arg in e.args]
        if sign * e.sign < 0:
            # max >= each argument, so each of these is a bound.
            return _known(max, lows)
        return _least(lows)

    def _sign(self, d: Dim) -> int:
        """1 or -1 where ``d`` is never on the other side of 0, otherwise 0."""
        if type(d) is int:
            return 1 if d >= 0 else -1
        low = self._low(d)
        if low is not None and low >= 0:
            return 1
        high = self._high(d)
        return -1 if high is not None and high <= 0 else 0

    def _symbol(self, s: Symbol) -> Range:
        found = self._ranges.get(s)
        if found is not None:
            return found
        if s.expansion is None:
            return _OPEN
        return self._low(s.expansion), self._high(s.expansion)

    def _range(self, atom: Atom) -> Range:
        if type(atom) is Symbol:
            return self._symbol(atom)
        if type(atom) is Extremum:
            lows, highs = [self._low(a) for a in atom.args], [self._high(a) for a in atom.args]
            if atom.sign > 0:
                return _least(lows), _known(min, highs)
            return _known(max, lows), _greatest(highs)
        assert type(atom) is Floor
        lo, hi = self._low(atom.num), self._high(atom.num)
        if type(atom.den) is int:
            return (None if lo is None else lo // atom.den), (None if hi is None else hi // atom.den)
        least, most = max(self._low(atom.den) or 1, 1), self._high(atom.den)
        if lo is not None:
            if lo >= 0:
                lo = 0 if most is None or most < 1 else lo // most
            else:
                lo = lo // least
        if hi is not None:
            if hi >= 0:
                hi = hi // least
            else:
                hi = -1 if most is None or most < 1 else hi // most
        return lo, hi

    def _polynomial(self, d: Dim, ranges: Mapping[Atom, Range]) -> int | None:
        """The least of a polynomial whose atoms move freely in their ranges."""
        lows = {a: r[0] for a, r in ranges.items()}
        if all(lo is not None for lo in lows.values()):
            d = replace_atoms(d, {a: a.poly + lo for a, lo in lows.items() if lo})
            room = {a: None if r[1] is None else r[1] - (r[0] or 0) for a, r in ranges.items()}
            return self._from_zero(d, room)
        if type(d) is int:
            return d
        assert isinstance(d, Poly)
        return _each_term(d.terms, ranges)

    def _from_zero(self, d: Dim, room: Mapping[Atom, int | None]) -> int | None:
        """The least of a polynomial whose atoms start at 0 and go as far as their room."""
        while True:
            if type(d) is int:
                return d
            assert isinstance(d, Poly)
            negative = {m: c for m, c in d.terms.items() if m and c < 0}
            if not negative:
                return d.constant()
            self._fuel -= 1
            if self._fuel < 0:
                return None
            for atom in sorted({a for m in negative for a in m}, key=lambda a: a.key):
                factor, rest = linear_in(d, atom)
                end = room.get(atom)
                if factor is None:
                    continue
                high = self._from_zero(-factor, room)
                if high is not None and high >= 0:
                    if end is None:
                        if factor != 0:
                            return None
                        end = 0
                    d = factor * end + rest
                    break
                low = self._from_zero(factor, room)
                if low is not None and low >= 0:
                    d = rest
                    break
                if end is not None:
                    return _smaller(self._from_zero(rest, room), self._from_zero(factor * end + rest, room))
            else:
                return _each_term(d.terms, {a: (0, room.get(a)) for m in d.terms for a in m})


def linear_in(d: Poly, atom: Atom) -> tuple[Dim | None, Dim]:
    """``(f, r)`` with ``d == f * atom + r``, no ``atom`` in their terms; ``f`` is None for a power."""
    factor: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for m, c in d.terms.items():
        if atom not in m:
            rest[m] = c
            continue
        i = m.index(atom)
        left = m[:i] + m[i + 1 :]
        if atom in left:
            return None, d
        factor[left] = c
    return from_terms(factor), from_terms(rest)


def _each_term(terms: Mapping[Monomial, int], ranges: Mapping[Atom, Range]) -> int | None:
    """The sum of the least that each term can be by itself."""
    total = 0
    for m, c in terms.items():
        lo: float = 1
        hi: float = 1
        for a in m:
            a_lo, a_hi = ranges[a]
            corners = [_times(x, y) for x in (lo, hi) for y in (_or(a_lo, -_INF), _or(a_hi, _INF))]
            lo, hi = min(corners), max(corners)
        least = _times(c, lo if c > 0 else hi)
        if least == -_INF:
            return None
        total += int(least)
    return total


_INF = float("inf")


def _times(a: float, b: float) -> float:
    # inf * 0 is 0 here: an atom that is 0 keeps its product at 0 however large the rest.
    if a == 0 or b == 0:
        return 0
    if abs(a) == _INF or abs(b) == _INF:
        return _INF if (a > 0) == (b > 0) else -_INF
    return a * b


def _or(x: int | None, default: float) -> float:
    return default if x is None else x


def _more(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else max(a, b)


def _smaller(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else min(a, b)


def _known(choose: Callable[[list[int]], int], xs: list[int | None]) -> int | None:
    known = [x for x in xs if x is not None]
    return choose(known) if known else None


def _least(xs: list[int | None]) -> int | None:
    return None if None in xs else _known(min, xs)


def _greatest(xs: list[int | None]) -> int | None:
    return None if None in xs else _known(max, xs)


SIZES = Bounds()
"""Bounds from this alone: every root is at least 1."""
