"""Floor division, what reduces to it, min and max of dimensions, each simplified into normal form."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import gcd

from fanin.ir.bounds import SIZES
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
    extremum_atom,
    floor_atom,
    from_terms,
    join,
    key_of,
    monomial_key,
    terms_of,
)

_CACHE = 1 << 15


def floordiv(a: Operand, b: Operand) -> Dim:
    """``a // b``, rounded down. ``b`` is taken to be positive: the caller proves it.

    Raises ``ZeroDivisionError`` for a number ``b`` that is not.
    """
    if type(b) is int:
        if b <= 0:
            raise ZeroDivisionError(f"a dimension is divided by {b}")
        if type(a) is int:
            return a // b
    return _floordiv(dim(a), dim(b))


def ceildiv(a: Operand, b: Operand) -> Dim:
    """``a / b`` rounded up, for a positive ``b``."""
    return floordiv(dim(a) + dim(b) - 1, b)


def mod(a: Operand, b: Operand) -> Dim:
    """``a % b``, which is ``a - b * (a // b)``, for a positive ``b``."""
    quotient = floordiv(a, b)
    return dim(a) - dim(b) * quotient


def minimum(*dims: Operand) -> Dim:
    """The least of these."""
    return _extremum(1, tuple(dim(d) for d in dims))


def maximum(*dims: Operand) -> Dim:
    """The greatest of these."""
    return _extremum(-1, tuple(dim(d) for d in dims))


def rebuild(atom: Atom, change: Callable[[Dim], Dim]) -> Dim:
    """The atom over again, simplified, from its changed parts.

    Raises ``ZeroDivisionError`` where a divisor turns into a number that is not positive.
    """
    if type(atom) is Floor:
        num, den = change(atom.num), change(atom.den)
        return floordiv(num, den)
    assert type(atom) is Extremum
    return _extremum(atom.sign, tuple(change(a) for a in atom.args))


@lru_cache(_CACHE)
def _floordiv(a: Dim, b: Dim) -> Dim:
    if type(b) is int:
        return _by_number(a, b)
    assert isinstance(b, Poly)
    return _by_poly(a, b)


def _by_number(a: Dim, m: int) -> Dim:
    if type(a) is int:
        return a // m
    if m == 1:
        return a
    assert isinstance(a, Poly)
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in a.terms.items():
        q, r = divmod(c, m)
        if q:
            whole[monomial] = q
        if r:
            rest[monomial] = r
    outside = from_terms(whole)
    common = gcd(m, *[c for monomial, c in rest.items() if monomial])
    if common > 1:
        m //= common
        rest = {monomial: c // common for monomial, c in rest.items() if c >= common}
        if m == 1:
            return outside + from_terms(rest)
    if not rest or (len(rest) == 1 and () in rest):
        return outside
    return outside + _proper(Poly(rest), m)


def _proper(n: Poly, m: int) -> Dim:
    """``n // m`` for coefficients in ``0 .. m-1`` without a factor in common with ``m``."""
    merged = _merged(n, m)
    if merged is not None:
        return merged
    extrema = [mono[0] for mono in n.terms if len(mono) == 1 and type(mono[0]) is Extremum]
    if extrema:
        # Rounding down is monotone, so it goes inside.
        chosen = min(extrema, key=lambda e: e.key)
        c = n.terms[(chosen,)]
        rest = n - chosen.poly * c
        return _extremum(chosen.sign, tuple(floordiv(arg * c + rest, m) for arg in chosen.args))
    return floor_atom(n, m).poly


def _by_poly(a: Dim, b: Poly) -> Dim:
    whole, rest = _divided(a, b)
    if type(rest) is int and rest in (0, -1):
        return whole + rest  # since b >= 1
    bounded = _between(rest, b)
    if bounded is not None:
        return whole + bounded
    rest, den = _without_common(rest, b)
    if den != b:
        return whole + floordiv(rest, den)
    merged = _merged(rest, b) if isinstance(rest, Poly) else None
    return whole + (floor_atom(rest, b).poly if merged is None else merged)


def _merged(n: Poly, den: Dim) -> Dim | None:
    """``(a // k + rest) // den`` as ``(a + k * rest) // (k * den)``, where one floor stands alone."""
    floors = [m[0] for m, c in n.terms.items() if c == 1 and len(m) == 1 and type(m[0]) is Floor]
    if len(floors) != 1:
        return None
    inner = floors[0]
    return floordiv(inner.num + inner.den * (n - inner.poly), inner.den * den)


def _divided(a: Dim, b: Poly) -> tuple[Dim, Dim]:
    """Quotient and remainder of polynomial division: no term of the remainder can be divided any more."""
    lead = max(b.terms, key=monomial_key)
    lead_c = b.terms[lead]
    whole: dict[Monomial, int] = {}
    terms = dict(terms_of(a))
    done: set[Monomial] = set()
    while True:
        todo = [m for m in terms if m not in done]
        if not todo:
            break
        top = max(todo, key=monomial_key)
        done.add(top)
        left = _quotient(top, lead)
        if left is None:
            continue
        q = terms[top] // lead_c
        if not q:
            continue
        whole[left] = whole.get(left, 0) + q
        for monomial, c in b.terms.items():
            m = join(left, monomial)
            total = terms.get(m, 0) - q * c
            if total:
                terms[m] = total
            else:
                terms.pop(m, None)
    return from_terms({m: c for m, c in whole.items() if c}), from_terms(terms)


def _quotient(a: Monomial, b: Monomial) -> Monomial | None:
    """``a / b`` where ``b`` divides ``a``."""
    left = list(a)
    for atom in b:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def exact_quotient(a: Dim, b: Dim) -> Dim | None:
    """``a / b`` where that is a polynomial, otherwise None."""
    if type(b) is int:
        if type(a) is int:
            return a // b if a % b == 0 else None
        assert isinstance(a, Poly)
        if any(c % b for c in a.terms.values()):
            return None
        return Poly({m: c // b for m, c in a.terms.items()})
    assert isinstance(b, Poly)
    whole, rest = _divided(a, b)
    return whole if rest == 0 else None


def _between(rest: Dim, b: Dim) -> int | None:
    """The quotient, where the remainder is known to stay within one multiple of ``b``."""
    if _at_least(rest, 0) and _at_least(b - 1 - rest, 0):
        return 0
    if _at_least(-1 - rest, 0) and _at_least(b + rest, 0):
        return -1
    return None


def _without_common(num: Dim, den: Poly) -> tuple[Dim, Dim]:
    """``(g*a + r) / (g*b)`` as ``a / b`` where ``r // g`` is a number, for factors ``g`` of the divisor."""
    inner = [c for m, c in num.terms.items() if m] if isinstance(num, Poly) else []
    common = gcd(*den.terms.values(), *inner)
    d: Dim = den
    if common > 1:
        d = Poly({m: c // common for m, c in den.terms.items()})
        num = from_terms({m: q for m, c in terms_of(num).items() if (q := c // common)})
    monomials = list(den.terms)
    for atom in monomials[0]:
        if not isinstance(d, Poly) or not all(atom in m for m in d.terms):
            continue
        if not _at_least(atom.poly, 0):
            continue  # never below 0, and not 0 either, since the divisor is positive
        split = _split(num, atom)
        if split is not None:
            num = split
            d = from_terms({_quotient(m, (atom,)) or (): c for m, c in d.terms.items()})
    return num, d


def _split(num: Dim, g: Atom) -> Dim | None:
    """``num // g`` where that is no new fraction."""
    if type(num) is int:
        return num if num in (0, -1) else None
    assert isinstance(num, Poly)
    shared = {m: c for m, c in num.terms.items() if g in m}
    if not shared:
        return None
    rest = from_terms({m: c for m, c in num.terms.items() if g not in m})
    quotient = 0 if rest == 0 else -1 if rest == -1 else _between(rest, g.poly)
    if quotient is None:
        return None
    return from_terms({_quotient(m, (g,)) or (): c for m, c in shared.items()}) + quotient


def _extremum(sign: int, dims: tuple[Dim, ...]) -> Dim:
    if len(dims) == 1:
        return dims[0]
    if all(type(d) is int for d in dims):
        return min(dims) if sign > 0 else max(dims)  # type: ignore[type-var]
    return _chosen(sign, frozenset(dims))


@lru_cache(_CACHE)
def _chosen(sign: int, dims: frozenset[Dim]) -> Dim:
    args = _undominated(sign, sorted(_flat(sign, dims), key=key_of))
    if len(args) == 1:
        return args[0]
    # What all have in common goes outside: first terms, then a positive factor.
    outside = _shared(sign, args)
    args = [a - outside for a in args]
    factor: Dim = gcd(*[c for a in args for c in ([a] if type(a) is int else a.terms.values())])  # type: ignore[union-attr]
    if factor != 1:
        args = [exact_quotient(a, factor) for a in args]  # type: ignore[misc]
    for symbol in _common_symbols(args):
        factor = factor * symbol
        args = [exact_quotient(a, symbol.poly) for a in args]  # type: ignore[misc]
    if factor != 1:
        # What was a multiple of the factor may be a number now, and go outside in its turn.
        return outside + factor * _extremum(sign, tuple(args))
    return outside + extremum_atom(sign, frozenset(args)).poly


def _flat(sign: int, dims: frozenset[Dim]) -> set[Dim]:
    """The arguments with those of inner ones: ``min(a, b + min(c, d))`` is ``min(a, b + c, b + d)``."""
    flat: set[Dim] = set()
    todo = list(dims)
    while todo:
        d = todo.pop()
        inner = None
        if isinstance(d, Poly):
            for monomial, c in d.terms.items():
                first = monomial[0] if len(monomial) == 1 else None
                if type(first) is Extremum and first.sign * c * sign > 0:
                    inner = (first, c)
                    break
        if inner is None:
            flat.add(d)
        else:
            atom, c = inner
            rest = d - atom.poly * c
            todo.extend(rest + arg * c for arg in atom.args)
    return flat


def _undominated(sign: int, args: list[Dim]) -> list[Dim]:
    kept: list[Dim] = []
    for a in args:
        if any(_at_least(sign * (a - b), 0) for b in kept):
            continue
        kept = [b for b in kept if not _at_least(sign * (b - a), 0)]
        kept.append(a)
    return kept


def _at_least(d: Dim, limit: int) -> bool:
    low = SIZES.low(d)
    return low is not None and low >= limit


def _shared(sign: int, args: list[Dim]) -> Dim:
    """The terms that all arguments have, and of their constants the one nearest the choice."""
    polys = [a for a in args if isinstance(a, Poly)]
    constants = [a.constant() if isinstance(a, Poly) else a for a in args]
    terms: dict[Monomial, int] = {}
    if len(polys) == len(args):
        first = polys[0].terms
        terms = {m: c for m, c in first.items() if m and all(p.terms.get(m) == c for p in polys)}
    constant = min(constants) if sign > 0 else max(constants)
    if constant:
        terms[()] = constant
    return from_terms(terms)


def _common_symbols(args: list[Dim]) -> list[Symbol]:
    """Symbols, with repeats, that divide every argument; a number is divided by none but 0 by all."""
    polys = [a for a in args if isinstance(a, Poly)]
    if any(type(a) is int and a != 0 for a in args) or not polys:
        return []
    monomials = [m for p in polys for m in p.terms]
    found: list[Symbol] = []
    for atom in dict.fromkeys(monomials[0]):
        # A defined symbol may be 0; the least and the greatest of zeros are still right.
        if type(atom) is Symbol:
            found.extend([atom] * min(m.count(atom) for m in monomials))
    return found
