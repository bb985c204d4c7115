"""Conditions on dimensions: comparisons, and what is made of them with `and` and `or`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import gcd
from typing import Final, Literal, TypeAlias

from fanin.ir.bounds import linear_in
from fanin.ir.dimtext import DimReader, Name, own_name, render
from fanin.ir.division import exact_quotient, mod
from fanin.ir.poly import Dim, Extremum, Floor, Poly, Symbol, from_terms, symbols_of, terms_of
from fanin.ir.substitution import evaluate
from fanin.record import record

Relation: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

_NEGATED: Final[dict[Relation, Relation]] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
}
_HOLDS: Final[dict[Relation, Callable[[int, int], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@record
class Compare:
    """``left op right``."""

    op: Relation
    left: Dim
    right: Dim

    def negated(self) -> Condition:
        return Compare(_NEGATED[self.op], self.left, self.right)

    def __str__(self) -> str:
        return render_condition(self)


@record
class AnyOf:
    """At least one of these; none at all never holds."""

    options: tuple[Condition, ...]

    def negated(self) -> Condition:
        return AllOf(tuple(c.negated() for c in self.options))

    def __str__(self) -> str:
        return render_condition(self)


@record
class AllOf:
    """Every one of these; none at all always holds."""

    parts: tuple[Condition, ...]

    def negated(self) -> Condition:
        return AnyOf(tuple(c.negated() for c in self.parts))

    def __str__(self) -> str:
        return render_condition(self)


Condition: TypeAlias = Compare | AnyOf | AllOf


def compares(c: Condition) -> list[Compare]:
    """Every comparison in a condition, from left to right."""
    found: list[Compare] = []
    todo = [c]
    while todo:
        c = todo.pop()
        if isinstance(c, Compare):
            found.append(c)
        else:
            todo.extend(reversed(c.options if isinstance(c, AnyOf) else c.parts))
    return found


def symbols_in(c: Condition) -> frozenset[Symbol]:
    """The symbols that a condition speaks of."""
    return frozenset().union(*(symbols_of(x.left) | symbols_of(x.right) for x in compares(c)))


def change(c: Condition, f: Callable[[Dim], Dim]) -> Condition:
    """The condition with every dimension changed."""
    if isinstance(c, Compare):
        return Compare(c.op, f(c.left), f(c.right))
    if isinstance(c, AnyOf):
        return AnyOf(tuple(change(x, f) for x in c.options))
    return AllOf(tuple(change(x, f) for x in c.parts))


def holds(c: Condition, sizes: Mapping[Symbol, int]) -> bool:
    """Whether the condition is met at these sizes; one about a size that is none, since a divisor is 0, is not.

    Raises ``KeyError`` for a root without a size.
    """
    if isinstance(c, Compare):
        try:
            return _HOLDS[c.op](evaluate(c.left, sizes), evaluate(c.right, sizes))
        except ZeroDivisionError:
            return False
    if isinstance(c, AnyOf):
        return any(holds(x, sizes) for x in c.options)
    return all(holds(x, sizes) for x in c.parts)


def nonnegative_form(c: Compare) -> Dim:
    """``d`` with ``d >= 0`` just where the inequality holds."""
    difference = c.left - c.right
    if c.op in (">", ">="):
        return difference - (c.op == ">")
    return -difference - (c.op == "<")


def peeled(d: Dim) -> list[Dim]:
    """Simpler dimensions, all ``>= 0`` just where ``d`` is: floors and extrema standing alone come off."""
    done: list[Dim] = []
    todo = [d]
    while todo:
        d = todo.pop()
        simpler = _peel(d) if isinstance(d, Poly) else None
        if simpler is None:
            done.append(_primitive(d))
        else:
            todo.extend(simpler)
    return done


def _peel(d: Poly) -> list[Dim] | None:
    inner = [m for m in d.terms if m]
    if len(inner) != 1 or len(inner[0]) != 1:
        return None
    atom, c, constant = inner[0][0], d.terms[inner[0]], d.constant()
    # c * atom + constant >= 0
    limit = -(constant // c) if c > 0 else constant // -c
    if type(atom) is Floor:
        if c > 0:
            return [atom.num - atom.den * limit]
        return [atom.den * (limit + 1) - 1 - atom.num]
    if type(atom) is Extremum and (atom.sign > 0) == (c > 0):
        return [a - limit if c > 0 else limit - a for a in atom.args]
    return None


def _primitive(d: Dim) -> Dim:
    """``d >= 0`` divided by the factor that all its terms but the constant have."""
    if not isinstance(d, Poly):
        return d
    common = gcd(*[c for m, c in d.terms.items() if m])
    return d if common == 1 else from_terms({m: q for m, c in d.terms.items() if (q := c // common)})


def simplified(c: Condition) -> Condition:
    """The same condition as a person would put it: ``(H - 3) // 2 + 1 >= 1`` is ``H >= 3``."""
    if not isinstance(c, Compare):
        parts = tuple(simplified(x) for x in (c.options if isinstance(c, AnyOf) else c.parts))
        if len(parts) == 1:
            return parts[0]
        return AnyOf(parts) if isinstance(c, AnyOf) else AllOf(parts)
    if c.op in ("==", "!="):
        remainder = _remainder(c)
        return _sided(c.op, c.left - c.right) if remainder is None else remainder
    parts = tuple(_sided(">=", d) for d in peeled(nonnegative_form(c)))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _sided(op: Relation, d: Dim) -> Compare:
    """``d op 0`` with positive terms on both sides, and a symbol on the left."""
    left = from_terms({m: c for m, c in terms_of(d).items() if c > 0})
    right = from_terms({m: -c for m, c in terms_of(d).items() if c < 0})
    if type(left) is int and type(right) is not int:
        left, right = right, left
        op = "<=" if op == ">=" else op
    return Compare(op, left, right)


def _remainder(c: Compare) -> Compare | None:
    """An equality that says what a remainder is, written as ``n % m == r``."""
    difference = c.left - c.right
    for atom in sorted({a for m in terms_of(difference) for a in m if type(a) is Floor}, key=lambda a: a.key):
        assert isinstance(difference, Poly) and isinstance(atom, Floor)
        factor, rest = linear_in(difference, atom)
        scale = None if factor is None else exact_quotient(-factor, atom.den)
        if type(scale) is not int or not scale:
            continue
        # difference == scale * (num % den) - right
        right = scale * atom.num - rest
        if type(right) is int and right % scale == 0:
            return Compare(c.op, mod(atom.num, atom.den), right // scale)
    return None


def render_condition(c: Condition, name: Name = own_name, python: bool = False) -> str:
    """The condition in the language or as a Python expression; what divides is written ``H % 32 == 0``."""
    return _write(c, name, python)


def _write(c: Condition, name: Name, python: bool) -> str:
    if isinstance(c, Compare):
        if c.op in ("==", "!="):
            c = _remainder(c) or c
        return f"{render(c.left, name, python)} {c.op} {render(c.right, name, python)}"
    inner = c.options if isinstance(c, AnyOf) else c.parts
    if len(inner) == 1:
        return _write(inner[0], name, python)
    if isinstance(c, AnyOf):
        return " or ".join(_write_inside(x, name, python) for x in c.options) or ("False" if python else "false")
    return " and ".join(_write_inside(x, name, python) for x in c.parts) or ("True" if python else "true")


def _write_inside(c: Condition, name: Name, python: bool) -> str:
    text = _write(c, name, python)
    return text if isinstance(c, Compare) else f"({text})"


def parse_condition(text: str, symbols: Mapping[str, Symbol]) -> Condition:
    """The condition that ``render_condition`` wrote so. Raises ``ValueError`` for anything else."""
    reader = _ConditionReader(text, symbols)
    result = reader.any_of()
    reader.end()
    return result


class _ConditionReader(DimReader):
    """Reads conditions; a bracket that opens a condition is told from one in a dimension by trying."""

    def any_of(self) -> Condition:
        if self.token in ("true", "false"):
            return AllOf(()) if self.next() == "true" else AnyOf(())
        first = self._all_of()
        options = [first]
        while self.token == "or":
            self.next()
            options.append(self._all_of())
        return first if len(options) == 1 else AnyOf(tuple(options))

    def _all_of(self) -> Condition:
        first = self._one()
        parts = [first]
        while self.token == "and":
            self.next()
            parts.append(self._one())
        return first if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Condition:
        if self.token == "(":
            place = self.place()
            try:
                return self._compare()
            except ValueError:
                self.back_to(place)
                self.next()
                inner = self.any_of()
                self.expect(")")
                return inner
        return self._compare()

    def _compare(self) -> Condition:
        left = self.sum()
        for op in _HOLDS:
            if self.token == op:
                self.next()
                return Compare(op, left, self.sum())
        raise ValueError(f"a comparison is missing in the condition `{self.text}`")
