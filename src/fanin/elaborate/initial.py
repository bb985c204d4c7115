"""Initialisers: what ``init=``, ``@init(…)`` and ``param x = …`` may hold, and which law a parameter gets."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Refusal
from fanin.diagnostics.codes import TYP401, TYP405, TYP412
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.context import refuse
from fanin.elaborate.values import Argument, LawFunction, OpFunction, describe
from fanin.ir.laws import (
    AUTO,
    DEFAULT,
    ONES,
    ZEROS,
    Constant,
    Fixup,
    Law,
    Normal,
    Orthogonal,
    Scaled,
    TruncNormal,
    Uniform,
)
from fanin.source import Span

FAMILIES = ("linear", "conv", "embedding", "recurrent", "bias")
_MODES = ("fan_in", "fan_out", "fan_avg")


def law_of_call(function: LawFunction, args: tuple[Argument, ...], span: Span) -> Law:
    """``normal(std=0.02)`` and its kin, with arguments."""
    name = function.name
    order = _ORDER.get(name, ())
    given: dict[str, float | str] = {}
    for i, a in enumerate(args):
        key = a.name if a.name is not None else (order[i] if i < len(order) else None)
        if key not in order:
            near = nearest(key, list(order)) if key else None
            raise refuse(
                TYP405,
                f"the initialiser `{name}` takes {', '.join(order) or 'no arguments'}",
                a.span,
                "not one of them",
                helps=[f"did you mean `{near}`?"] if near else [],
            )
        if key == "mode":
            if a.value not in _MODES:
                name_of = a.value.name if isinstance(a.value, LawFunction) else a.value
                if name_of not in _MODES:
                    raise refuse(TYP401, '`mode` is "fan_in", "fan_out" or "fan_avg"', a.span, describe(a.value))
        elif isinstance(a.value, bool) or not isinstance(a.value, (int, float)):
            raise refuse(TYP401, f"`{key}` of `{name}` is a number, not {describe(a.value)}", a.span, describe(a.value))
        given[key] = a.value
    if given.get("std", 0.0) < 0:  # type: ignore[operator]
        raise refuse(TYP401, f"a standard deviation is 0 or more, not {given['std']}", span, "negative")
    return _law(name, given, span)


_SCALED = ("gain", "mode")
_ORDER = {
    "normal": ("mean", "std"), "trunc_normal": ("mean", "std", "low", "high"), "uniform": ("low", "high"), "constant": ("value",),
    "orthogonal": ("gain",), "he_normal": _SCALED, "he_uniform": _SCALED, "xavier_normal": ("gain",), "xavier_uniform": ("gain",),
    "lecun_normal": ("gain",), "lecun_uniform": ("gain",),
}  # fmt: skip


def _law(name: str, given: dict[str, Any], span: Span) -> Law:
    numbers = {k: float(v) for k, v in given.items() if k != "mode"}
    if name == "normal":
        return Normal(**numbers)
    if name == "trunc_normal":
        return TruncNormal(**numbers)
    if name == "uniform":
        return Uniform(**numbers)
    if name == "constant":
        if "value" not in numbers:
            raise refuse(TYP412, "`constant` needs its number", span, helps=["write `constant(1.0)`"])
        return Constant(numbers["value"])
    if name == "orthogonal":
        return Orthogonal(**numbers)
    if name == "default":
        return DEFAULT
    if name == "fixup":
        return Fixup()
    if name == "auto":
        return AUTO
    family, _, shape = name.partition("_")
    mode = given.get("mode", "fan_avg" if family == "xavier" else "fan_in")
    return Scaled(family, shape == "uniform", mode if isinstance(mode, str) else mode.name, numbers.get("gain", 1.0))


def as_law(value: Any, span: Span) -> Law:
    """A value where an initialiser is wanted: a law, its bare name, ``zeros``, ``ones`` or a number."""
    law = maybe_law(value, span)
    if law is None:
        raise not_a_law(value, span)
    return law


def maybe_law(value: Any, span: Span) -> Law | None:
    if isinstance(value, Law):
        return value
    if isinstance(value, LawFunction):
        return _law(value.name, {}, span)
    if isinstance(value, OpFunction) and value.op.name in ("zeros", "ones"):
        return ZEROS if value.op.name == "zeros" else ONES
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Constant(float(value))
    return None


def not_a_law(value: Any, span: Span) -> Refusal:
    return refuse(
        TYP412,
        f"an initialiser is wanted here, not {describe(value)}",
        span,
        describe(value),
        helps=["for example `he_normal`, `normal(std=0.02)` or `zeros`"],
    )
