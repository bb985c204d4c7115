"""The types of attributes, and their check against what a spec gives."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from fanin.ir.dims import Dim, Poly
from fanin.ir.laws import Law
from fanin.ops.contract import Complaint, OpAttrs
from fanin.record import record


@record
class Range:
    """Bounds of a number, both included; ``open_low`` and ``open_high`` leave the bound itself out."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, x: float) -> bool:
        if self.low is not None and (x < self.low or (self.open_low and x == self.low)):
            return False
        return not (self.high is not None and (x > self.high or (self.open_high and x == self.high)))

    def __str__(self) -> str:
        if self.high is None:
            return f"above {self.low:g}" if self.open_low else f"{self.low:g} or more"
        if self.low is None:
            return f"below {self.high:g}" if self.open_high else f"{self.high:g} or less"
        return f"between {self.low:g} and {self.high:g}"


PositiveInt: TypeAlias = Annotated[int, Range(1)]
NonNegativeInt: TypeAlias = Annotated[int, Range(0)]
Probability: TypeAlias = Annotated[float, Range(0, 1)]
PositiveFloat: TypeAlias = Annotated[float, Range(0, open_low=True)]
NonNegativeFloat: TypeAlias = Annotated[float, Range(0)]

# A size in a shape: a number, or a dimension that is left open.
Size: TypeAlias = Annotated[int | Poly, Range(0)]
Sizes: TypeAlias = tuple[Size, ...]

# One axis, or several; their place is checked against the rank by the op.
Axis: TypeAlias = int
Axes: TypeAlias = int | tuple[int, ...] | None

# One number for every spatial axis, or one for each.
Kernel: TypeAlias = PositiveInt | tuple[PositiveInt, ...]
Padding: TypeAlias = NonNegativeInt | tuple[NonNegativeInt, ...]


def spread(value: int | tuple[int, ...], n: int, about: str) -> tuple[int, ...]:
    """A number for each of ``n`` spatial axes. Raises Complaint for a tuple of another length."""
    if isinstance(value, int):
        return (value,) * n
    if len(value) != n:
        message = f"`{about}` takes one number, or {n}: one for each spatial axis, not {len(value)}"
        raise Complaint(message, about, kind="type")
    return value


@cache
def attribute_types(attrs: type[Any]) -> dict[str, Any]:
    """The annotation of each field, in order."""
    hints = get_type_hints(attrs, include_extras=True)
    return {f.name: hints[f.name] for f in fields(attrs)}


@cache
def required(attrs: type[Any]) -> tuple[str, ...]:
    """Fields without a default."""
    return tuple(f.name for f in fields(attrs) if f.default is MISSING and f.default_factory is MISSING)


def bind(attrs: Any, given: dict[str, Any]) -> OpAttrs:
    """Checked attributes. Raises Complaint, about the first that does not fit, with ``kind`` "type"."""
    hints = attribute_types(attrs)
    checked = {name: coerce(value, hints[name], name) for name, value in given.items()}
    for name in required(attrs):
        if name not in checked:
            raise Complaint(f"`{name}` is missing", name, kind="missing")
    made: OpAttrs = attrs(**checked)
    return made


def coerce(value: Any, hint: Any, name: str) -> Any:
    """``value`` as ``hint`` wants it (an int for a float, a list for a tuple). Raises Complaint."""
    fitted = _fit(value, hint)
    if fitted is _NO:
        raise Complaint(f"`{name}` takes {describe(hint)}, not {show(value)}", name, kind="type")
    return fitted


_NO: Any = object()


Check = Callable[[Any], Any]
_CHECKS: dict[Any, Check] = {}


def _fit(value: Any, hint: Any) -> Any:
    """``value`` as ``hint`` wants it, or ``_NO``."""
    try:
        check = _CHECKS.get(hint)
    except TypeError:  # an annotation that cannot be hashed
        return _checker(hint)(value)
    if check is None:
        check = _CHECKS[hint] = _checker(hint)
    return check(value)


def _checker(hint: Any) -> Check:
    """The check of an annotation, taken apart once."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        return _ranged(_checker(base), tuple(m for m in marks if isinstance(m, Range)))
    if origin in (Union, types.UnionType):
        return _any_of(tuple(_checker(option) for option in get_args(hint)))
    if origin is Literal:
        options = get_args(hint)
        return lambda value: value if not isinstance(value, bool) and value in options else _NO
    if origin is tuple:
        args = get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return _items(_checker(args[0]))
        return _row(tuple(_checker(a) for a in args))
    if hint is None or hint is type(None):
        return lambda value: None if value is None else _NO
    if hint is Any:
        return lambda value: value
    if hint is float:
        return _as_float
    if hint is bool:
        return lambda value: value if isinstance(value, bool) else _NO
    return lambda value: value if isinstance(value, hint) and not isinstance(value, bool) else _NO


def _as_float(value: Any) -> Any:
    if isinstance(value, bool):
        return _NO
    return float(value) if isinstance(value, int) else value if isinstance(value, float) else _NO


def _ranged(check: Check, marks: tuple[Range, ...]) -> Check:
    def ranged(value: Any) -> Any:
        fitted = check(value)
        if isinstance(fitted, (int, float)) and not all(m.holds(fitted) for m in marks):
            return _NO
        return fitted

    return ranged


def _any_of(checks: tuple[Check, ...]) -> Check:
    def any_of(value: Any) -> Any:
        for check in checks:
            fitted = check(value)
            if fitted is not _NO:
                return fitted
        return _NO

    return any_of


def _items(check: Check) -> Check:
    def items(value: Any) -> Any:
        if not isinstance(value, (tuple, list)):
            return _NO
        fitted = tuple(check(v) for v in value)
        return _NO if any(f is _NO for f in fitted) else fitted

    return items


def _row(checks: tuple[Check, ...]) -> Check:
    def row(value: Any) -> Any:
        if not isinstance(value, (tuple, list)) or len(value) != len(checks):
            return _NO
        fitted = tuple(check(v) for check, v in zip(checks, value, strict=True))
        return _NO if any(f is _NO for f in fitted) else fitted

    return row


_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a string",
    bool: "true or false",
    Poly: "a size",
    Law: "an initialiser",
}


def describe(hint: Any) -> str:
    """An annotation in words: "a whole number, 1 or more"."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        words = describe(base) if base != (int | Poly) else "a size"
        return ", ".join([words, *(str(m) for m in marks if isinstance(m, Range))])
    if origin in (Union, types.UnionType):
        one, *more = get_args(hint)
        if len(more) == 1 and get_args(more[0]) == (one, Ellipsis):
            return f"{describe(one)}, or a tuple of such"
        return " or ".join(dict.fromkeys("`none`" if o is type(None) else describe(o) for o in get_args(hint)))
    if origin is Literal:
        return " or ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in get_args(hint))
    if origin is tuple:
        args = get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return f"several of: {describe(args[0])}"
        return f"({', '.join(describe(a) for a in args)})"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def show(value: Any) -> str:
    """A value as the language writes it."""
    if value is None:
        return "`none`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, (tuple, list)):
        inner = ", ".join(show(v).strip("`") for v in value)
        return f"`[{inner}]`" if isinstance(value, list) else f"`({inner})`"
    return f"`{value}`"


Dimension: TypeAlias = Dim
