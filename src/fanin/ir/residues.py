"""Where an expression of floors is zero, decided one residue class of its symbols after the other.

Within one class of each symbol modulo the divisors above it, every floor is a polynomial. A polynomial of
degree ``k`` that is 0 at ``k + 1`` sizes of each symbol is 0 everywhere, so few sizes decide exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from math import lcm, prod

from fanin.ir.poly import Atom, Dim, Extremum, Floor, Poly, Symbol, ordered, terms_of
from fanin.ir.substitution import evaluate
from fanin.record import record

EXACT = 4096
"""So many evaluations decide exactly; past that, a sample of the classes is looked at."""

_SAMPLED = 192

Residues = tuple[int, ...]


@record
class Zeros:
    """In which residue classes an expression is 0.

    ``always`` and ``never`` are proofs, over all sizes; ``classes`` are those in which it is 0 throughout,
    modulo ``moduli``, with residues counted from 1. ``settled`` says that outside of those it is never 0.
    """

    always: bool
    never: bool
    settled: bool
    symbols: tuple[Symbol, ...]
    moduli: Residues
    classes: tuple[Residues, ...]


def decidable(d: Dim) -> bool:
    """Whether residues say all there is: every divisor a number, no min and no max."""
    if not isinstance(d, Poly):
        return True
    return all(type(a) is Symbol or (type(a) is Floor and type(a.den) is int) for a in d.atoms())


def zeros(d: Poly, given: Sequence[Poly] = ()) -> Zeros:
    """Where ``d`` is 0, of the sizes at which everything ``given`` is. Takes ``decidable`` ones only."""
    symbols = tuple(ordered(frozenset().union(d.symbols(), *(g.symbols() for g in given))))
    moduli = tuple(_modulus(s, (d, *given)) for s in symbols)
    points = tuple(1 + max(_degree(s, p) for p in (d, *given)) for s in symbols)
    cost = prod(moduli) * prod(points)
    if cost > EXACT and given:
        return zeros(d)
    exact = cost <= EXACT
    always = never = settled = exact
    found: list[Residues] = []
    for residues in _all_classes(moduli) if exact else _some_classes(moduli):
        sizes = [range(r, r + m * n, m) for r, m, n in zip(residues, moduli, points, strict=True)]
        if given and any(_never_zero(g, symbols, sizes) for g in given):
            continue
        values = _values(d, symbols, sizes)
        first = next(values)
        if first == 0 and all(v == 0 for v in values):
            never = False
            found.append(residues)
        else:
            always = False
            if first == 0 or any(v != first for v in values):
                never = settled = False
    if exact and not found:
        always = False  # no class at all is a contradiction in what is given: it proves nothing here
    return Zeros(always, never, settled, symbols, moduli, tuple(found))


def one_class(z: Zeros) -> tuple[Symbol, int, int] | None:
    """``(symbol, modulus, residue)`` where just those sizes of the only symbol make the zeros."""
    if len(z.symbols) != 1 or not z.settled or not z.classes:
        return None
    (modulus,), residues = z.moduli, {r % z.moduli[0] for (r,) in z.classes}
    for m in range(1, modulus + 1):
        first = min(residues) % m
        if modulus % m == 0 and {r for r in range(modulus) if r % m == first} == residues:
            return z.symbols[0], m, first
    return None


def _never_zero(d: Poly, symbols: Sequence[Symbol], sizes: Sequence[range]) -> bool:
    values = _values(d, symbols, sizes)
    first = next(values)
    return first != 0 and all(v == first for v in values)


def _values(d: Poly, symbols: Sequence[Symbol], sizes: Sequence[range]) -> Iterator[int]:
    for point in itertools.product(*sizes):
        yield evaluate(d, dict(zip(symbols, point, strict=True)))


def _all_classes(moduli: Residues) -> Iterator[Residues]:
    return itertools.product(*(range(1, m + 1) for m in moduli))


def _some_classes(moduli: Residues) -> Iterator[Residues]:
    """Multiples of the modulus and their neighbours, then others by chance, the same ones each time."""
    corners = [sorted({m, 1, max(m - 1, 1), max(m // 2, 1)}, reverse=True) for m in moduli]
    yield from itertools.islice(itertools.product(*corners), _SAMPLED)
    # A multiplicative generator is chance enough here, and `random` takes milliseconds to import.
    state = 1
    for _ in range(_SAMPLED):
        residues = []
        for m in moduli:
            state = state * 48_271 % 2_147_483_647
            residues.append(1 + state % m)
        yield tuple(residues)


def _modulus(symbol: Symbol, dims: Sequence[Poly]) -> int:
    """By how much the symbol has to grow for every floor to grow by whole numbers."""
    modulus: dict[Atom, int] = {}
    for d in dims:
        for atom in d.atoms():
            if type(atom) is Floor and symbol in atom.symbols:
                assert type(atom.den) is int
                modulus[atom] = atom.den * _lcm(atom.num, modulus)
    return lcm(*modulus.values())


def _lcm(d: Dim, modulus: Mapping[Atom, int]) -> int:
    return lcm(*(modulus.get(a, 1) for m in terms_of(d) for a in m))


def _degree(symbol: Symbol, d: Poly) -> int:
    degree: dict[Atom, int] = {symbol: 1}
    for atom in d.atoms():
        if type(atom) is Floor and symbol in atom.symbols:
            degree[atom] = _of_terms(atom.num, degree)
        assert type(atom) is not Extremum
    return _of_terms(d, degree)


def _of_terms(d: Dim, degree: Mapping[Atom, int]) -> int:
    return max((sum(degree.get(a, 0) for a in m) for m in terms_of(d)), default=0)
