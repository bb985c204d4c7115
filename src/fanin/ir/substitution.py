"""A dimension with its symbols replaced: by dimensions, by their definitions, by numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fanin.ir.poly import (
    Atom,
    Dim,
    Extremum,
    Floor,
    Monomial,
    Operand,
    Poly,
    Symbol,
    dim,
    from_terms,
    parts,
    terms_of,
)


def substitute(d: Operand, mapping: Mapping[Symbol, Operand]) -> Dim:
    """``d`` with symbols replaced, all at once, in normal form again. Definitions are not looked into."""
    d = dim(d)
    if type(d) is int or not mapping:
        return d
    assert isinstance(d, Poly)
    if d.symbols().isdisjoint(mapping):
        return d
    return rewritten(d, {s: dim(v) for s, v in mapping.items()})


def rewritten(d: Dim, values: Mapping[Atom, Dim]) -> Dim:
    """``d`` with whole atoms replaced wherever they stand, in normal form again."""
    if not isinstance(d, Poly):
        return d
    from fanin.ir.division import rebuild

    values = dict(values)
    for atom in d.atoms():
        if atom.depth and atom not in values and any(a in values for p in parts(atom) for m in terms_of(p) for a in m):
            values[atom] = rebuild(atom, lambda part: replace_atoms(part, values))
    return replace_atoms(d, values)


def replace_atoms(d: Dim, values: Mapping[Atom, Dim]) -> Dim:
    """``d`` with atoms replaced where they stand in its own terms, not inside other atoms."""
    if type(d) is int:
        return d
    assert isinstance(d, Poly)
    kept: dict[Monomial, int] = {}
    result: Dim = 0
    for monomial, c in d.terms.items():
        if any(a in values for a in monomial):
            product: Dim = c
            for a in monomial:
                value = values.get(a)
                product = product * (a.poly if value is None else value)
            result = result + product
        else:
            kept[monomial] = c
    return result + from_terms(kept)


def expand(d: Operand) -> Dim:
    """``d`` with every defined symbol replaced, down to roots."""
    d = dim(d)
    if type(d) is int:
        return d
    assert isinstance(d, Poly)
    result = d._expanded
    if result is None:
        mapping = {s: s.expansion for s in d.symbols() if s.expansion is not None}
        result = d._expanded = substitute(d, mapping)
    return result


def evaluate(d: Operand, sizes: Mapping[Symbol, int]) -> int:
    """The number that ``d`` is at these sizes; a defined symbol without a size gets its definition's.

    Raises ``KeyError`` for a root without a size and ``ZeroDivisionError`` where a divisor is 0.
    """
    d = dim(d)
    if type(d) is int:
        return d
    assert isinstance(d, Poly)
    values: dict[Atom, int] = {}
    for atom in d.atoms():
        if type(atom) is Symbol:
            if atom in sizes:
                values[atom] = sizes[atom]
            elif atom.expansion is None:
                raise KeyError(atom)
            else:
                values[atom] = evaluate(atom.expansion, sizes)
        elif type(atom) is Floor:
            values[atom] = _at(atom.num, values) // _at(atom.den, values)
        else:
            assert type(atom) is Extremum
            choose: Callable[[list[int]], int] = min if atom.sign > 0 else max
            values[atom] = choose([_at(a, values) for a in atom.args])
    return _at(d, values)


def _at(d: Dim, values: Mapping[Atom, int]) -> int:
    total = 0
    for monomial, c in terms_of(d).items():
        for a in monomial:
            c *= values[a]
        total += c
    return total
