"""Integer polynomials over symbols and the integer functions (floor, min, max) that stand for themselves."""

from __future__ import annotations

import itertools
from typing import Any, Final, TypeAlias, final
from weakref import WeakValueDictionary

Dim: TypeAlias = "int | Poly"
Operand: TypeAlias = "int | Poly | Symbol"
Monomial: TypeAlias = "tuple[Atom, ...]"
Key: TypeAlias = tuple[Any, ...]

_serial = itertools.count()


class Atom:
    """What a polynomial does not look into. Atoms are unique: equal ones are the same object.

    ``key`` orders atoms by what they are (names before serial numbers), never by address or age, so that
    a normal form does not depend on what was built before. ``depth`` is 0 for a symbol, and one more than
    its parts for others.
    """

    __slots__ = ("__weakref__", "_poly", "depth", "key", "symbols")

    key: Key
    depth: int
    symbols: frozenset[Symbol]
    _poly: Poly | None

    @property
    def poly(self) -> Poly:
        """The polynomial that is this atom alone."""
        poly = self._poly
        if poly is None:
            poly = self._poly = Poly({(self,): 1})
        return poly

    def __copy__(self) -> Atom:
        return self

    def __deepcopy__(self, memo: object) -> Atom:
        return self


@final
class Symbol(Atom):
    """A dimension left open, an integer >= 1. Each construction is a new one, whatever its name.

    ``definition`` is None for a root; otherwise what the symbol stands for, in symbols made earlier. A
    defined symbol is as large as its definition says, which may be 0: who makes it proves or records that
    it is not.
    """

    __slots__ = ("definition", "expansion", "name", "serial")

    def __init__(self, name: str, definition: Operand | None = None) -> None:
        self.name = name
        self.serial = next(_serial)
        self.key = (0, name, self.serial)
        self.depth = 0
        self.symbols = frozenset((self,))
        self._poly = None
        self.definition: Dim | None = None if definition is None else dim(definition)
        self.expansion: Dim | None = None
        if self.definition is not None:
            # Eager, so that a long chain of definitions is never unrolled in one recursion.
            from fanin.ir.substitution import expand

            self.expansion = expand(self.definition)

    def __repr__(self) -> str:
        return self.name

    def __add__(self, other: Operand) -> Dim:
        return self.poly + other

    def __radd__(self, other: int) -> Dim:
        return self.poly + other

    def __sub__(self, other: Operand) -> Dim:
        return self.poly - other

    def __rsub__(self, other: int) -> Dim:
        return other - self.poly

    def __mul__(self, other: Operand) -> Dim:
        return self.poly * other

    def __rmul__(self, other: int) -> Dim:
        return self.poly * other

    def __neg__(self) -> Poly:
        return -self.poly

    def __pow__(self, exponent: int) -> Dim:
        return self.poly**exponent

    def __floordiv__(self, other: Operand) -> Dim:
        return self.poly // other

    def __rfloordiv__(self, other: int) -> Dim:
        return other // self.poly

    def __mod__(self, other: Operand) -> Dim:
        return self.poly % other

    def __rmod__(self, other: int) -> Dim:
        return other % self.poly


@final
class Floor(Atom):
    """``num // den`` rounded down, for a positive ``den``. ``division.floordiv`` makes it, simplified."""

    __slots__ = ("den", "num")

    num: Poly | int
    den: Dim


@final
class Extremum(Atom):
    """The least (``sign`` 1) or greatest (-1) of several. ``division.minimum`` makes it, simplified."""

    __slots__ = ("args", "sign")

    args: tuple[Dim, ...]
    sign: int


_floors: WeakValueDictionary[tuple[Dim, Dim], Floor] = WeakValueDictionary()
_extrema: WeakValueDictionary[tuple[int, frozenset[Dim]], Extremum] = WeakValueDictionary()


def floor_atom(num: Dim, den: Dim) -> Floor:
    """The one atom for this fraction, taken as already simplified."""
    atom = _floors.get((num, den))
    if atom is None:
        atom = Floor()
        atom.num, atom.den = num, den
        _finish(atom, (1, key_of(num), key_of(den)), (num, den))
        _floors[num, den] = atom
    return atom


def extremum_atom(sign: int, args: frozenset[Dim]) -> Extremum:
    """The one atom for the least or greatest of these, taken as already simplified."""
    atom = _extrema.get((sign, args))
    if atom is None:
        atom = Extremum()
        atom.sign = sign
        atom.args = tuple(sorted(args, key=key_of))
        _finish(atom, (2, sign, *map(key_of, atom.args)), atom.args)
        _extrema[sign, args] = atom
    return atom


def _finish(atom: Atom, key: Key, parts: tuple[Dim, ...]) -> None:
    atom.key = key
    atom._poly = None
    polys = [p for p in parts if type(p) is not int]
    atom.symbols = frozenset().union(*(p.symbols() for p in polys))  # type: ignore[union-attr]
    atom.depth = 1 + max(a.depth for p in polys for m in p.terms for a in m)  # type: ignore[union-attr]


def _atom_key(atom: Atom) -> Key:
    return atom.key


def monomial_key(monomial: Monomial) -> Key:
    """Orders monomials by degree, then by their atoms; products keep this order, so division ends."""
    return (len(monomial), *[a.key for a in monomial])


def key_of(d: Dim) -> Key:
    """A key that orders dimensions by what they are."""
    if type(d) is int:
        return (((0,), d),)
    assert isinstance(d, Poly)
    key = d._key
    if key is None:
        key = d._key = tuple(sorted([(monomial_key(m), c) for m, c in d.terms.items()], reverse=True))
    return key


def join(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials."""
    if not a:
        return b
    if not b:
        return a
    return tuple(sorted(a + b, key=_atom_key))


def from_terms(terms: dict[Monomial, int]) -> Dim:
    """The dimension with these terms, none of them 0; the dictionary is kept."""
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Poly(terms)


def _added(a: dict[Monomial, int], b: dict[Monomial, int], sign: int) -> Dim:
    terms = a.copy()
    for monomial, c in b.items():
        total = terms.get(monomial, 0) + sign * c
        if total:
            terms[monomial] = total
        else:
            del terms[monomial]
    return from_terms(terms)


@final
class Poly:
    """A dimension that is not a number: an integer polynomial over atoms, in normal form, immutable.

    Equal by normal form. Operations give an ``int`` where the result is constant.
    """

    __slots__ = ("_atoms", "_expanded", "_hash", "_key", "_symbols", "_text", "terms")

    terms: Final[dict[Monomial, int]]

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash: int | None = None
        self._key: Key | None = None
        self._symbols: frozenset[Symbol] | None = None
        self._atoms: tuple[Atom, ...] | None = None
        self._expanded: Dim | None = None
        self._text: str | None = None

    @staticmethod
    def of(symbol: Symbol) -> Poly:
        """The polynomial that is this symbol."""
        return symbol.poly

    def __hash__(self) -> int:
        h = self._hash
        if h is None:
            h = self._hash = hash(frozenset(self.terms.items()))
        return h

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not Poly:
            return NotImplemented
        return hash(self) == hash(other) and self.terms == other.terms

    def __str__(self) -> str:
        text = self._text
        if text is None:
            from fanin.ir.dimtext import render

            text = self._text = render(self)
        return text

    __repr__ = __str__

    def __copy__(self) -> Poly:
        return self

    def __deepcopy__(self, memo: object) -> Poly:
        return self

    def symbols(self) -> frozenset[Symbol]:
        """Every symbol in it, inside floors too; definitions are not looked into."""
        found = self._symbols
        if found is None:
            found = self._symbols = frozenset().union(*[a.symbols for m in self.terms for a in m])
        return found

    def atoms(self) -> tuple[Atom, ...]:
        """Every atom in it at any depth, parts before wholes."""
        found = self._atoms
        if found is None:
            seen: set[Atom] = set()
            todo: list[Dim] = [self]
            while todo:
                d = todo.pop()
                if type(d) is int:
                    continue
                for monomial in d.terms:  # type: ignore[union-attr]
                    for a in monomial:
                        if a not in seen:
                            seen.add(a)
                            todo.extend(parts(a))
            found = self._atoms = tuple(sorted(seen, key=lambda a: (a.depth, a.key)))
        return found

    def constant(self) -> int:
        """The constant term."""
        return self.terms.get((), 0)

    def __add__(self, other: Operand) -> Dim:
        if type(other) is Poly:
            return _added(self.terms, other.terms, 1)
        if type(other) is Symbol:
            return _added(self.terms, other.poly.terms, 1)
        if isinstance(other, int):
            return _added(self.terms, {(): int(other)}, 1) if other else self
        return NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Dim:
        if type(other) is Poly:
            return _added(self.terms, other.terms, -1)
        if type(other) is Symbol:
            return _added(self.terms, other.poly.terms, -1)
        if isinstance(other, int):
            return _added(self.terms, {(): int(other)}, -1) if other else self
        return NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return -self + other

    def __neg__(self) -> Poly:
        return Poly({m: -c for m, c in self.terms.items()})

    def __mul__(self, other: Operand) -> Dim:
        if isinstance(other, int):
            if other == 1:
                return self
            return Poly({m: c * other for m, c in self.terms.items()}) if other else 0
        if type(other) is Symbol:
            other = other.poly
        if type(other) is not Poly:
            return NotImplemented
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in other.terms.items():
                m = join(m1, m2)
                terms[m] = terms.get(m, 0) + c1 * c2
        return from_terms({m: c for m, c in terms.items() if c})

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dim:
        if exponent < 0:
            raise ValueError("a dimension has no negative power")
        result: Dim = 1
        for _ in range(exponent):
            result = result * self
        return result

    def __floordiv__(self, other: Operand) -> Dim:
        from fanin.ir.division import floordiv

        return floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        from fanin.ir.division import floordiv

        return floordiv(other, self)

    def __mod__(self, other: Operand) -> Dim:
        from fanin.ir.division import mod

        return mod(self, other)

    def __rmod__(self, other: int) -> Dim:
        from fanin.ir.division import mod

        return mod(other, self)


def parts(atom: Atom) -> tuple[Dim, ...]:
    """The dimensions an atom is made of; none for a symbol."""
    if type(atom) is Floor:
        return (atom.num, atom.den)
    if type(atom) is Extremum:
        return atom.args
    return ()


def dim(d: Operand) -> Dim:
    """A number, a polynomial or a symbol as a dimension."""
    return d.poly if type(d) is Symbol else d


def terms_of(d: Dim) -> dict[Monomial, int]:
    """The terms of any dimension, not to be changed; 0 has none."""
    if isinstance(d, int):
        return {(): d} if d else {}
    return d.terms


def symbols_of(d: Dim) -> frozenset[Symbol]:
    """The symbols of any dimension; a number has none."""
    return frozenset() if type(d) is int else d.symbols()  # type: ignore[union-attr]


def ordered(symbols: frozenset[Symbol]) -> list[Symbol]:
    """Symbols by name, then by age: sets of them have no order of their own."""
    return sorted(symbols, key=_atom_key)
