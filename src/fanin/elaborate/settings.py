"""Optimisers, schedules and options with their arguments: ``adam(lr=2e-4)``, ``cosine(warmup=500)``, ``clip(1.0)``."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix, Label
from fanin.diagnostics.codes import TYP401, TYP404, TYP405, TYP406, TYP407
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.values import Argument, Poisoned, Rule, describe
from fanin.ir.recipe import Setting
from fanin.ir.rules import FRACTIONS, NEEDED, OPTIMISERS, POSITIVE, SIGNED, WHOLE
from fanin.source import Span
from fanin.syntax import tree


def optimiser(rule: Rule, args: tuple[Argument, ...], span: Span) -> Setting:
    """``adam(lr=2e-4)``, with what it leaves out filled in."""
    return fill(rule.name, OPTIMISERS[rule.name], args, span)


def clause(body: Body, written: tree.Clause, table: dict[str, dict[str, Any]]) -> Setting:
    """A clause of a recipe, its arguments evaluated and checked."""
    if written.name.name not in table:
        raise Poisoned  # a word that the survey of the file has reported
    args = tuple(
        Argument(a.name.name if a.name else None, body.evaluate(a.value), a.value.span) for a in written.args or ()
    )
    return fill(written.name.name, table[written.name.name], args, written.span)


def fill(name: str, known: dict[str, Any], args: tuple[Argument, ...], span: Span) -> Setting:
    """The arguments by name, in the order of the signature."""
    given: dict[str, Argument] = {}
    for place, a in enumerate(args):
        key = a.name
        if key is None:
            if place >= len(known):
                raise refuse(TYP406, f"`{name}` takes {_listed(known)}", a.span, "one too many")
            key = list(known)[place]
        elif key not in known:
            near = nearest(key, list(known))
            at = _keyword(a)
            raise refuse(
                TYP405,
                f"`{name}` has no argument `{key}`",
                at,
                "not an argument of it",
                helps=[] if near else [f"it has: {_listed(known)}"],
                fix=Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near else None,
            )
        if key in given:
            raise refuse(
                TYP404,
                f"`{key}` of `{name}` is given twice",
                a.span,
                "again",
                [Label(given[key].span, "first here")],
            )
        given[key] = a
    values = []
    for key, default in known.items():
        if key in given:
            values.append((key, _checked(name, key, default, given[key])))
        elif default is NEEDED:
            raise refuse(TYP407, f"`{name}` needs `{key}`", span, f"`{key}` is missing", helps=[f"give `{key}=…`"])
        else:
            values.append((key, tuple(default) if isinstance(default, list) else default))
    return Setting(name, tuple(values), span)


def _keyword(a: Argument) -> Span:
    """The name of an argument that is given by name."""
    text = a.span.source.text
    start = text.rfind(a.name or "", 0, a.span.start)
    return Span(a.span.source, start, start + len(a.name or "")) if start >= 0 else a.span


def _listed(known: dict[str, Any]) -> str:
    return ", ".join(f"`{key}`" for key in known) or "no arguments"


def _checked(name: str, key: str, default: Any, a: Argument) -> Any:
    """A value of the kind and range that its argument has."""
    value = a.value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise refuse(TYP401, f"`{key}` of `{name}` is true or false", a.span, describe(value))
        return value
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(default):
            raise refuse(TYP401, f"`{key}` of `{name}` is a pair of numbers", a.span, describe(value))
        return tuple(_number(name, key, v, a.span, 0.0) for v in value)
    if isinstance(default, list):
        if not isinstance(value, (tuple, list)):
            raise refuse(TYP401, f"`{key}` of `{name}` is a list of steps", a.span, describe(value))
        steps = tuple(_number(name, key, v, a.span, 0) for v in value)
        if list(steps) != sorted(set(steps)):
            raise refuse(TYP401, f"the steps of `{name}` go up", a.span, "not in order")
        return steps
    return _number(name, key, value, a.span, default)


def _number(name: str, key: str, value: Any, span: Span, default: Any) -> float | int:
    whole = key in WHOLE or (isinstance(default, int) and not isinstance(default, bool))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(TYP401, f"`{key}` of `{name}` is a number, not {describe(value)}", span, describe(value))
    if whole and not isinstance(value, int):
        raise refuse(TYP401, f"`{key}` of `{name}` is a whole number, not {value}", span, "not whole")
    if key in FRACTIONS and not 0 <= value < 1:
        raise refuse(TYP401, f"`{key}` of `{name}` is 0 or more and below 1, not {value}", span, "out of range")
    if key in POSITIVE and value <= 0:
        raise refuse(TYP401, f"`{key}` of `{name}` is above 0, not {value}", span, "not positive")
    if value < 0 and key not in SIGNED:
        raise refuse(TYP401, f"`{key}` of `{name}` is 0 or more, not {value}", span, "negative")
    return value if whole else float(value)
