"""What is known of the numbers in a tensor by the place they stand at: the triangle of a mask, positions in a row.

A ``Form`` is a whole number that is linear in the digits of a position. Of a tensor are known ``Piece``s: wherever some
forms are 0 or more, its entries are a number, or a form themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Final, TypeAlias

from fanin.ir.dims import Dim, Poly
from fanin.ir.places import Box, Digit, Span, Terms, added, compose, sign_of
from fanin.record import record


@record
class Form:
    """``factor₁ · digit₁ + … + constant``."""

    terms: Terms
    constant: Dim = 0

    def __add__(self, other: Form | Dim) -> Form:
        if isinstance(other, Form):
            return Form(added((*self.terms, *other.terms)), self.constant + other.constant)
        return Form(self.terms, self.constant + other)

    __radd__ = __add__

    def __neg__(self) -> Form:
        return Form(tuple((-f, d) for f, d in self.terms), -self.constant)

    def __sub__(self, other: Form | Dim) -> Form:
        return self + (-other)

    def __rsub__(self, other: Dim) -> Form:
        return -self + other

    def __mul__(self, other: Dim) -> Form:
        return Form(added((f * other, d) for f, d in self.terms), self.constant * other)

    __rmul__ = __mul__

    def composed(self, box: Box, shape: Sequence[Dim]) -> Form | None:
        """The same of the position that a box stands for; None where it stands for several."""
        span = compose(Span(self.terms, self.constant, self.constant), box, shape)
        if not span.exactly or isinstance(span.low, float) or span.wraps is not None:
            return None
        return Form(span.terms, span.low)


Number: TypeAlias = "bool | int | float | Poly | Form"


@record
class Piece:
    """Wherever all the forms are 0 or more, the entries are ``value``."""

    forms: tuple[Form, ...]
    value: Number


Known: TypeAlias = tuple[Piece, ...]
"""What is known of a tensor; nothing, where there is no piece."""


class _Open:
    def __repr__(self) -> str:
        return "OPEN"


OPEN: Final = _Open()
"""An entry of which nothing is known, in the place of a number."""

_MOST = 8
"""How many pieces are kept."""


def everywhere(value: Number) -> Known:
    return (Piece((), Form((), value) if isinstance(value, Poly) else value),)


def place(axis: int, size: Dim) -> Form:
    """The position along an axis."""
    return Form(added([(1, Digit(axis, 1, size))]))


def truth(form: Form) -> Known:
    """True where it is 0 or more, and False elsewhere."""
    return Piece((form,), True), Piece((-form - 1,), False)


def is_number(value: Any) -> bool:
    """Whether it is a plain number."""
    return isinstance(value, (bool, int, float))


def combined(function: Callable[..., Any], *inputs: Known) -> Known:
    """What is known of a function of numbers that stand at one place. It is given OPEN for a number that is not known,
    and gives OPEN back, a number, or what a comparison of forms gives (``Known``)."""
    found: list[Piece] = []
    choices: list[list[tuple[tuple[Form, ...], Any]]] = [
        [*((p.forms, p.value) for p in known), ((), OPEN)] for known in inputs
    ]
    for chosen in product(*choices):
        if all(value is OPEN for _, value in chosen):
            continue
        forms = tuple(dict.fromkeys(form for own, _ in chosen for form in own))
        if len(forms) > 2 or any(_contradict(f, g) for f in forms for g in forms):
            continue
        value = function(*(value for _, value in chosen))
        more = value if isinstance(value, tuple) else () if value is OPEN else (Piece((), value),)
        for piece in more:
            both = tuple(dict.fromkeys((*forms, *piece.forms)))
            if len(both) > 2 or any(_contradict(f, g) for f in both for g in both):
                continue
            if not any(p.value is piece.value or p.value == piece.value for p in found if set(p.forms) <= set(both)):
                found.append(Piece(both, piece.value))
    found.sort(key=lambda p: len(p.forms))
    return tuple(found[:_MOST])


def _contradict(a: Form, b: Form) -> bool:
    """Whether the two are never 0 or more at once."""
    total = a + b
    return not total.terms and sign_of(total.constant) == -1


def moved(known: Known, box: Box, shape: Sequence[Dim]) -> Known:
    """What is known of a tensor whose entries are those of another, at the places of a box."""
    found: list[Piece] = []
    for piece in known:
        forms = [form.composed(box, shape) for form in piece.forms]
        value = piece.value.composed(box, shape) if isinstance(piece.value, Form) else piece.value
        if value is not None and all(form is not None for form in forms):
            found.append(Piece(tuple(f for f in forms if f is not None), value))
    return tuple(found)


def compared(sign: str, x: Any, y: Any) -> Any:
    """``x < y`` of whole numbers that hang on the place; OPEN where it cannot be told."""
    if not isinstance(x, Form) and not isinstance(y, Form):
        return OPEN
    if isinstance(x, float) or isinstance(y, float):
        return OPEN
    gap = y - x  # a form
    if sign in ("<=", ">="):
        return truth(gap if sign == "<=" else -gap)
    if sign in ("<", ">"):
        return truth(gap - 1 if sign == "<" else -gap - 1)
    same = sign == "=="
    return Piece((gap - 1,), not same), Piece((-gap - 1,), not same), Piece((gap, -gap), same)
