"""Dimensions as text: as a person would write them, in the language or in Python, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fanin.ir.bounds import linear_in
from fanin.ir.division import ceildiv, exact_quotient, floordiv, maximum, minimum, mod
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
    monomial_key,
    terms_of,
)

Name = Callable[[Symbol], str]

_SUM, _PRODUCT, _UNARY, _CALL = range(4)
_Text = tuple[str, int]


def own_name(symbol: Symbol) -> str:
    return symbol.name


def render(d: Operand, name: Name = own_name, python: bool = False) -> str:
    """``d`` in the language (``ceildiv(H, 2)``), or in Python (``(H + 1) // 2``), with the same value."""
    d = dim(d)
    return str(d) if type(d) is int else _Writer(name, python).sum(d)[0]


class _Writer:
    """One rendering."""

    def __init__(self, name: Name, python: bool) -> None:
        self.name = name
        self.python = python

    def sum(self, d: Dim) -> _Text:
        if type(d) is int:
            return str(d), _CALL if d >= 0 else _UNARY
        assert isinstance(d, Poly)
        terms = self._terms(d)
        if terms[0][0] < 0:
            # The first positive term leads, so that `3 - H` is not `-H + 3`.
            terms.sort(key=lambda t: t[0] < 0)
        if len(terms) == 1:
            c, text = terms[0]
            return text if c > 0 else (f"-{bracket(text, _UNARY)}", _UNARY)
        out = ""
        for c, text in terms:
            if not out:
                out = text[0] if c > 0 else f"-{bracket(text, _UNARY)}"
            else:
                out += (" + " if c > 0 else " - ") + bracket(text, _PRODUCT)
        return out, _SUM

    def _terms(self, d: Poly) -> list[tuple[int, _Text]]:
        """The sign and the text of each term, having put quotients and remainders together again."""
        rest: Dim = d
        written: list[tuple[tuple[object, ...], int, _Text]] = []
        for atom in sorted({a for m in d.terms for a in m if a.depth}, key=lambda a: a.key):
            if not isinstance(rest, Poly):
                break
            factor, others = linear_in(rest, atom)
            if factor is None or factor == 0:
                continue
            found = None
            if type(atom) is Floor:
                found = self._remainder(atom, factor, others) or self._quotient(atom, factor, others)
            elif type(atom) is Extremum and factor in (1, -1):
                found = self._shifted(atom, factor, others)
            if found is not None and found[2] != others:
                factor, text, rest = found
                sign, product = self._product(factor, text)
                written.append((((-1, True, 0), atom.key), sign, product))
        left = {(): rest} if type(rest) is int else rest.terms  # type: ignore[union-attr]
        for monomial, c in left.items():
            if c:
                composite = any(a.depth for a in monomial)
                order = ((-len(monomial), composite, 1), monomial_key(monomial))
                written.append((order, 1 if c > 0 else -1, self._monomial(abs(c), monomial)))
        written.sort(key=lambda w: w[0])
        return [(sign, text) for _, sign, text in written]

    def _monomial(self, c: int, monomial: Monomial) -> _Text:
        factors = [] if c == 1 and monomial else [(str(c), _CALL)]
        factors += [self.atom(a) for a in monomial]
        return _times(factors)

    def _product(self, factor: Dim, text: _Text) -> tuple[int, _Text]:
        if type(factor) is int:
            factors = [] if abs(factor) == 1 else [(str(abs(factor)), _CALL)]
            return (1 if factor > 0 else -1), _times([*factors, text])
        assert isinstance(factor, Poly)
        sign = 1
        if all(c < 0 for c in factor.terms.values()):
            sign, factor = -1, -factor
        return sign, _times([self.sum(factor), text])

    def atom(self, atom: Atom) -> _Text:
        if type(atom) is Symbol:
            return self.name(atom), _CALL
        if type(atom) is Floor:
            found = self._quotient(atom, 1, 0)
            return found[1]
        assert type(atom) is Extremum
        return self._extremum(atom)

    def _call(self, function: str, *args: Dim) -> _Text:
        return f"{function}({', '.join(self.sum(a)[0] for a in args)})", _CALL

    def _floor(self, num: Dim, den: Dim) -> _Text:
        return f"{bracket(self.sum(num), _PRODUCT)} // {bracket(self.sum(den), _CALL)}", _PRODUCT

    def _ceil(self, num: Dim, den: Dim) -> _Text:
        if not self.python:
            return self._call("ceildiv", num, den)
        return self._floor(num + den - 1, den)  # exporters divide towards 0, so that a negative number would not do

    def _remainder(self, q: Floor, factor: Dim, rest: Dim) -> tuple[Dim, _Text, Dim] | None:
        """``j*n - j*m*(n // m)`` as ``j * (n % m)``, where that takes terms away."""
        j = exact_quotient(-factor, q.den)
        if j is None or j == 0:
            return None
        left = rest - j * q.num
        if _size(left) >= _size(rest):
            return None
        num, den = self.sum(q.num), self.sum(q.den)
        return j, (f"{bracket(num, _PRODUCT)} % {bracket(den, _CALL)}", _PRODUCT), left

    def _quotient(self, q: Floor, factor: Dim, rest: Dim) -> tuple[Dim, _Text, Dim]:
        """A floor with the whole numbers it had before the normal form took them out, or as ``ceildiv``."""
        num, den = q.num, q.den
        if type(num) is int:
            return factor, self._floor(num, den), rest
        assert isinstance(num, Poly)
        if type(den) is not int:
            if num.constant() == -1 and type(factor) is int and _fits(rest, factor):
                return factor, self._ceil(num + 1, den), rest - factor
            return factor, self._floor(num, den), rest
        # Terms that are smaller on the other side of 0, if the whole part for that is there to take.
        if isinstance(rest, Poly):
            for monomial, c in num.terms.items():
                term = from_terms({monomial: 1}) * factor
                if monomial and 2 * c > den and _size(rest + term) < _size(rest):
                    num, rest = num - from_terms({monomial: den}), rest + term
        constant, outside = _constant(num), _constant(rest)
        if type(factor) is int and outside and outside % factor == 0:
            whole = outside // factor
            if (constant and whole < 0) or all(c < 0 for m, c in terms_of(num).items() if m):
                num, rest, constant = num + whole * den, rest - outside, 0
        if constant == den - 1:
            return factor, self._ceil(num - constant, den), rest
        return factor, self._floor(num, den), rest

    def _shifted(self, e: Extremum, factor: Dim, rest: Dim) -> tuple[Dim, _Text, Dim]:
        """``min(a, b) + c`` as ``min(a + c, b + c)``, where nothing else is added."""
        if type(rest) is int and factor == 1:
            return 1, self._extremum(e, rest), 0
        return factor, self._extremum(e), rest

    def _extremum(self, e: Extremum, shift: int = 0) -> _Text:
        # Numbers come last, as in `min(H, 32)`.
        args = sorted([a + shift for a in e.args], key=lambda a: type(a) is int)
        return self._call("min" if e.sign > 0 else "max", *args)


def bracket(text: _Text, level: int) -> str:
    """The text, in brackets where it binds less tightly than its place needs."""
    return text[0] if text[1] >= level else f"({text[0]})"


def _times(factors: list[_Text]) -> _Text:
    if len(factors) == 1:
        return factors[0]
    return " * ".join(bracket(f, _UNARY) for f in factors), _PRODUCT


def _size(d: Dim) -> int:
    return len(terms_of(d))


def _constant(d: Dim) -> int:
    return d if type(d) is int else d.constant()  # type: ignore[union-attr]


def _fits(rest: Dim, factor: int) -> bool:
    constant = _constant(rest)
    return constant * factor > 0 and abs(constant) >= abs(factor)


_TOKEN = re.compile(r"\s*(?:(\d+)|([^\W\d][\w.'#]*)|(//|[<>=!]=|[-+*%(),<>]))")
_CALLS: dict[str, Callable[..., Dim]] = {"ceildiv": ceildiv, "min": minimum, "max": maximum}


def parse_dim(text: str, symbols: Mapping[str, Symbol]) -> Dim:
    """The dimension that ``render`` wrote so. Raises ``ValueError`` for anything else."""
    reader = DimReader(text, symbols)
    result = reader.sum()
    reader.end()
    return result


class DimReader:
    """Reads dimensions from a text, one token ahead; ``token`` is empty at the end."""

    def __init__(self, text: str, symbols: Mapping[str, Symbol]) -> None:
        self.text = text
        self.symbols = symbols
        self.at = 0
        self.token = ""
        self.next()

    def next(self) -> str:
        """The token that was ahead; reads one more."""
        taken = self.token
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            if self.text[self.at :].strip():
                rest = self.text[self.at :].strip()
                raise ValueError(f"`{rest}` is not expected in the dimension `{self.text}`")
            self.token = ""
        else:
            self.at = match.end()
            self.token = match.group().strip()
        return taken

    def place(self) -> tuple[int, str]:
        """Where the reader is, to come back to."""
        return self.at, self.token

    def back_to(self, place: tuple[int, str]) -> None:
        self.at, self.token = place

    def end(self) -> None:
        if self.token:
            raise ValueError(f"`{self.token}` is not expected in the dimension `{self.text}`")

    def expect(self, token: str) -> None:
        if self.token != token:
            raise ValueError(f"`{token}` is missing in the dimension `{self.text}`")
        self.next()

    def sum(self) -> Dim:
        result = self._product()
        while self.token in ("+", "-"):
            if self.next() == "+":
                result = result + self._product()
            else:
                result = result - self._product()
        return result

    def _product(self) -> Dim:
        result = self._factor()
        while self.token in ("*", "//", "%"):
            operator = self.next()
            right = self._factor()
            if operator == "*":
                result = result * right
            else:
                result = floordiv(result, right) if operator == "//" else mod(result, right)
        return result

    def _factor(self) -> Dim:
        token = self.next()
        if token == "-":
            return -self._factor()
        if token == "(":
            inner = self.sum()
            self.expect(")")
            return inner
        if token.isdigit():
            return int(token)
        if token in _CALLS and self.token == "(":
            self.next()
            args = [self.sum()]
            while self.token == ",":
                self.next()
                args.append(self.sum())
            self.expect(")")
            if token == "ceildiv" and len(args) != 2:
                raise ValueError(f"`ceildiv` takes two dimensions, in `{self.text}`")
            return _CALLS[token](*args)
        if token in self.symbols:
            return self.symbols[token].poly
        raise ValueError(f"`{token}` is no dimension here, in `{self.text}`")
