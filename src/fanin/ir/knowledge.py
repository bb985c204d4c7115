"""What assumptions come to: symbols solved for, ranges, and the rest as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import gcd

from fanin.ir.bounds import Bounds, Range, linear_in
from fanin.ir.conditions import AllOf, AnyOf, Compare, Condition, change, nonnegative_form, peeled
from fanin.ir.division import exact_quotient
from fanin.ir.poly import Dim, Floor, Poly, Symbol, from_terms, key_of, symbols_of, terms_of
from fanin.ir.residues import decidable, one_class, zeros
from fanin.ir.substitution import expand, substitute

_ROUNDS = 1000  # a net: what is not learnt is not used, which is sound


class Knowledge:
    """Assumptions about roots, in a form to compute with.

    ``solved`` gives roots in terms of free symbols: ``H % 8 == 0`` makes ``H = 8 * h`` with a new ``h >= 1``
    (such new ones are in ``made``). ``ranges`` bounds free symbols. What neither says stays as dimensions
    that are ``zero``, ``nonzero`` or at least 0 (``nonnegative``), and as ``choices``, each with an option
    that holds.
    """

    def __init__(self) -> None:
        self.solved: dict[Symbol, Dim] = {}
        self.made: set[Symbol] = set()
        self.ranges: dict[Symbol, Range] = {}
        self.zero: list[Poly] = []
        self.nonzero: list[Poly] = []
        self.nonnegative: list[Poly] = []
        self.choices: list[AnyOf] = []
        self._refresh()

    def copy(self) -> Knowledge:
        other = Knowledge()
        other._become(self)
        return other

    def _become(self, other: Knowledge) -> None:
        self.solved, self.ranges, self.made = dict(other.solved), dict(other.ranges), set(other.made)
        self.zero, self.nonzero = list(other.zero), list(other.nonzero)
        self.nonnegative, self.choices = list(other.nonnegative), list(other.choices)
        self._refresh()

    def _refresh(self) -> None:
        self._normal: dict[Poly, Dim] = {}
        self.bounds = Bounds(self.ranges)

    def normal(self, d: Dim) -> Dim:
        """``d`` in free symbols."""
        if type(d) is int:
            return d
        assert isinstance(d, Poly)
        found = self._normal.get(d)
        if found is None:
            found = expand(d)
            # Facts that contradict each other can make a divisor 0; what they say of it is left out then.
            with suppress(ZeroDivisionError):
                found = substitute(found, self.solved)
            self._normal[d] = found
        return found

    def learn(self, c: Condition) -> None:
        """Takes a condition as true."""
        before = self.copy()
        todo: list[Condition] = [c]
        try:
            for _ in range(_ROUNDS):
                if not todo:
                    break
                todo.extend(self._learn(todo.pop()))
        except ZeroDivisionError:
            # It contradicts what divides by it. Nothing is learnt.
            self._become(before)
        self._refresh()

    def _learn(self, c: Condition) -> Iterable[Condition]:
        """One condition; what has to be learnt besides comes back."""
        if isinstance(c, AllOf):
            return c.parts
        if isinstance(c, AnyOf):
            if len(c.options) == 1:
                return c.options
            self.choices.append(AnyOf(tuple(change(x, self.normal) for x in c.options)))
            return ()
        if c.op in ("==", "!="):
            d = primitive(self.normal(c.left - c.right))
            if type(d) is int:
                return ()
            assert isinstance(d, Poly)
            return self._learn_zero(d) if c.op == "==" else self._learn_nonzero(d)
        more: list[Condition] = []
        for d in peeled(self.normal(nonnegative_form(c))):
            if isinstance(d, Poly):
                more.extend(self._learn_nonnegative(d))
        return more

    def _learn_zero(self, d: Poly) -> Iterable[Condition]:
        if decidable(d) and zeros(d).always:
            return ()
        found = self._number(d) or self._residue(d) or self._multiple(d) or self._unified(d) or self._ratio(d)
        if found is None:
            if d not in self.zero:
                self.zero.append(d)
            return ()
        return self._solve(found)

    def _solve(self, solutions: dict[Symbol, Dim]) -> Iterable[Condition]:
        """Symbols in terms of others. Whatever was known of them is known of what they are."""
        more: list[Condition] = []
        for symbol, value in solutions.items():
            lo, hi = self.ranges.pop(symbol, (1, None))
            if lo is not None:
                more.append(Compare(">=", value, lo))
            if hi is not None:
                more.append(Compare("<=", value, hi))
        self.solved = {s: substitute(v, solutions) for s, v in self.solved.items()}
        self.solved.update(solutions)
        more.extend(Compare("==", z, 0) for z in self.zero)
        more.extend(Compare("!=", z, 0) for z in self.nonzero)
        more.extend(Compare(">=", z, 0) for z in self.nonnegative)
        more.extend(self.choices)
        self.zero, self.nonzero, self.nonnegative, self.choices = [], [], [], []
        self._refresh()
        return more

    def _new(self, like: Symbol) -> Symbol:
        made = Symbol(like.name)
        self.made.add(made)
        return made

    def _number(self, d: Poly) -> dict[Symbol, Dim] | None:
        line = line_of(d)
        if line is None or line[2] % line[1] or -line[2] // line[1] < 1:
            return None
        return {line[0]: -line[2] // line[1]}

    def _residue(self, d: Poly) -> dict[Symbol, Dim] | None:
        """``H % 4 == 2``, however it is written: ``H = 4 * h - 2``."""
        if len(d.symbols()) != 1 or not decidable(d):
            return None
        found = one_class(zeros(d))
        if found is None:
            return None
        symbol, modulus, residue = found
        return {symbol: self._new(symbol) * modulus - (modulus - (residue or modulus))}

    def _multiple(self, d: Poly) -> dict[Symbol, Dim] | None:
        """``D % heads == 0`` for an open ``heads``: ``D = heads * d``."""
        for atom in sorted({a for m in d.terms for a in m if a.depth}, key=lambda a: a.key):
            if type(atom) is not Floor or type(atom.den) is int:
                continue
            factor, rest = linear_in(d, atom)
            scale = None if factor is None else exact_quotient(-factor, atom.den)
            if type(scale) is not int or scale * atom.num != rest:
                continue
            low = self.bounds.low(atom.num)
            for symbol, value in _alone(atom.num):
                if low is not None and low >= 1 and symbol not in symbols_of(atom.den):
                    return {symbol: atom.den * self._new(symbol) + value}
        return None

    def _unified(self, d: Poly) -> dict[Symbol, Dim] | None:
        """``T == S + 3``: the one in terms of the other, rather so that the first is known to be positive."""
        found = []
        for symbol, value in _alone(d):
            high = self.bounds.high(value)
            if high is not None and high < 1:
                continue  # a contradiction; what divides by the symbol is not to divide by 0
            low, least = self.bounds.low(value), self.ranges.get(symbol, (1, None))[0]
            known = low is not None and least is not None and low >= least
            found.append((known, symbol.serial, symbol, value))
        if not found:
            return None
        _, _, symbol, value = max(found, key=lambda f: f[:2])
        return {symbol: value}

    def _ratio(self, d: Poly) -> dict[Symbol, Dim] | None:
        """``2 * T == 3 * S``: ``T = 3 * t``, ``S = 2 * t``."""
        if len(d.terms) != 2:
            return None
        (m, a), (n, b) = d.terms.items()
        if len(m) != 1 or len(n) != 1 or a * b > 0 or type(m[0]) is not Symbol or type(n[0]) is not Symbol:
            return None
        made = self._new(m[0])
        return {m[0]: made * abs(b), n[0]: made * abs(a)}

    def _learn_nonzero(self, d: Poly) -> Iterable[Condition]:
        line = line_of(d)
        if line is not None:
            symbol, c, constant = line
            lo, hi = self.ranges.get(symbol, (1, None))
            if constant % c:
                return ()
            value = -constant // c
            if lo is not None and value <= lo:
                return (Compare(">=", symbol.poly, lo + (value == lo)),)
            if hi is not None and value >= hi:
                return (Compare("<=", symbol.poly, hi - (value == hi)),)
        if d not in self.nonzero:
            self.nonzero.append(d)
        return ()

    def _learn_nonnegative(self, d: Poly) -> Iterable[Condition]:
        low = self.bounds.low(d)
        if low is not None and low >= 0:
            return ()
        line = line_of(d)
        if line is None:
            if d not in self.nonnegative:
                self.nonnegative.append(d)
            return ()
        symbol, c, constant = line
        lo, hi = self.ranges.get(symbol, (1, None))
        if c > 0:
            lo = max(-(constant // c), 1 if lo is None else lo)
        else:
            limit = constant // -c
            hi = limit if hi is None else min(hi, limit)
        self.ranges[symbol] = lo, hi
        self.bounds = Bounds(self.ranges)
        return (Compare("==", symbol.poly, lo),) if lo is not None and lo == hi else ()


def primitive(d: Dim) -> Dim:
    """``d`` without the number that divides it, and with a positive leading term: 0 just where ``d`` is."""
    if not isinstance(d, Poly):
        return d
    content = gcd(*d.terms.values())
    if key_of(d)[0][1] < 0:
        content = -content
    return d if content == 1 else from_terms({m: c // content for m, c in d.terms.items()})


def line_of(d: Poly) -> tuple[Symbol, int, int] | None:
    """``(x, c, k)`` where ``d`` is ``c * x + k``."""
    inner = [m for m in d.terms if m]
    if len(inner) != 1 or len(inner[0]) != 1 or type(inner[0][0]) is not Symbol:
        return None
    return inner[0][0], d.terms[inner[0]], d.constant()


def _alone(d: Dim) -> list[tuple[Symbol, Dim]]:
    """Each ``(x, v)`` with ``d == 0`` just where ``x == v``, and no ``x`` in ``v``."""
    found: list[tuple[Symbol, Dim]] = []
    for m, c in terms_of(d).items():
        if len(m) == 1 and type(m[0]) is Symbol and c in (1, -1):
            value = (d - m[0] * c) * -c
            if m[0] not in symbols_of(value):
                found.append((m[0], value))
    return found
