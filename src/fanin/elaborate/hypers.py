"""Hyper-parameters: their types, their defaults, and the check of what a call gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.diagnostics import Label, Refusal
from fanin.diagnostics.codes import TYP401, TYP406, TYP407
from fanin.diagnostics.model import Edit, Fix
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.files import Unit
from fanin.elaborate.misfits import given_twice, unknown_keyword
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Builtin,
    FnFunction,
    Instance,
    LawFunction,
    OpConstructor,
    OpFunction,
    Partial,
    describe,
)
from fanin.ir.dims import Poly
from fanin.ir.laws import Law
from fanin.source import Span
from fanin.syntax import tree

_NO: Any = object()


def bind_hypers(
    body: Body,
    unit: Unit,
    params: tuple[tree.Param, ...],
    args: tuple[Argument, ...],
    span: Span,
    shown: str,
    inputs: tuple[tree.Param, ...],
) -> dict[str, Any]:
    """Every hyper-parameter with its value, in the order of the declaration.

    A default is evaluated in the declaration's file, with the parameters before it in scope. One that uses a dimension
    of the inputs stays open (``DEFAULTED``) until the block is applied.
    """
    names = [p.name.name for p in params]
    given: dict[str, Argument] = {}
    place = 0
    for a in args:
        name = a.name
        if name is None:
            if place >= len(names):
                raise _too_many(a, names, shown, inputs)
            name = names[place]
            place += 1
        elif name not in names:
            raise unknown_keyword(a, names, f"`{shown}` has no hyper-parameter `{name}`", "it has")
        if name in given:
            raise given_twice(replace(a, name=name) if a.name is None else a, given[name], shown)
        given[name] = a
    bound: dict[str, Any] = {}
    for p in params:
        name = p.name.name
        if name in given:
            a = given[name]
            value = fit(a.value, p.type) if p.type is not None else _by_default(body, unit, p, a, bound)
            if value is _NO:
                raise refuse(
                    TYP401,
                    f"`{name}` of `{shown}` is {words(p.type)}, not {describe(a.value)}",
                    a.span,
                    describe(a.value),
                    [Label(p.span, "declared here")],
                    helps=_type_help(p.type, a.value),
                    fix=_type_fix(p.type, a),
                )
            bound[name] = value
        elif p.default is None:
            raise refuse(
                TYP407,
                f"`{shown}` needs `{name}`",
                span,
                f"`{name}` is missing",
                [Label(p.span, "it has no default")],
                helps=[f"`{name}` is {words(p.type)}"] if p.type is not None else [],
            )
        else:
            bound[name] = default_of(body, unit, p, bound)
    return bound


class Deferred:
    """A default that uses the dimensions of the inputs: evaluated when the block is applied."""

    def __init__(self, param: tree.Param) -> None:
        self.param = param

    def __hash__(self) -> int:
        return id(self.param)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Deferred) and other.param is self.param


def default_of(
    body: Body, unit: Unit, p: tree.Param, bound: dict[str, Any], letters: dict[str, Any] | None = None
) -> Any:
    assert p.default is not None
    if letters is None and _uses_letters(p.default, unit):
        return Deferred(p)
    inner = Body(body.ctx, unit, body.builder, {**(letters or {}), **bound})
    value = inner.evaluate(p.default)
    fitted = fit(value, p.type) if p.type is not None else value
    if fitted is _NO:
        raise refuse(
            TYP401,
            f"the default of `{p.name.name}` is {describe(value)}, and it is declared as {words(p.type)}",
            p.default.span,
            describe(value),
        )
    return fitted


def _uses_letters(expr: tree.Expr, unit: Unit) -> bool:
    work: list[Any] = [expr]
    while work:
        node = work.pop()
        if isinstance(node, tree.Ident):
            if node.name[0].isupper() and unit.lookup(node.name) is None:
                from fanin.ops.registry import find_op

                if find_op(node.name) is None:
                    return True
        elif isinstance(node, tuple):
            work.extend(node)
        elif isinstance(node, tree.Tree):
            work.extend(
                getattr(node, s) for k in type(node).__mro__ for s in getattr(k, "__slots__", ()) if s != "span"
            )
    return False


def _by_default(body: Body, unit: Unit, p: tree.Param, a: Argument, bound: dict[str, Any]) -> Any:
    """A parameter without a type takes what its default is: a number, a string, a list …"""
    if p.default is None:
        return a.value
    default = default_of(body, unit, p, bound)
    if isinstance(default, Deferred) or default is None or a.value is None:
        return a.value
    kinds: tuple[type, ...] = (type(default),)
    if isinstance(default, bool):
        kinds = (bool,)
    elif isinstance(default, float):
        kinds = (int, float)
    elif isinstance(default, (list, tuple)):
        kinds = (list, tuple)
    elif isinstance(default, (OpFunction, FnFunction, Builtin, Partial)):
        kinds = (OpFunction, FnFunction, Builtin, Partial, Instance)
    elif isinstance(default, (OpConstructor, BlockConstructor)):
        kinds = (OpConstructor, BlockConstructor, Partial)
    elif isinstance(default, int):
        kinds = (int, Poly)
    if (isinstance(a.value, bool) and bool not in kinds) or not isinstance(a.value, kinds):
        return _NO
    return a.value


def _too_many(a: Argument, names: list[str], shown: str, inputs: tuple[tree.Param, ...]) -> Refusal:
    takes = f"`{shown}` takes {len(names)} hyper-parameter{'s' if len(names) != 1 else ''}"
    return refuse(
        TYP406,
        f"{takes}, and there are more",
        a.span,
        "one too many",
        helps=[f"it has: {', '.join(names)}" if names else f"write `{shown}()`"],
    )


# --------------------------------------------------------------------------------------------------- types


def fit(value: Any, type_: tree.TypeExpr) -> Any:
    """The value as the type wants it (an int for a float), or ``_NO``."""
    if isinstance(type_, tree.UnionType):
        for option in type_.options:
            fitted = fit(value, option)
            if fitted is not _NO:
                return fitted
        return _NO
    if value is None:
        return None if type_.optional else _NO
    if isinstance(type_, tree.ListType):
        if not isinstance(value, (list, tuple, range)):
            return _NO
        items = [fit(v, type_.element) for v in value]
        return _NO if any(i is _NO for i in items) else items
    if isinstance(type_, tree.TupleType):
        if not isinstance(value, (list, tuple)) or len(value) != len(type_.fields):
            return _NO
        items = [fit(v, f.type) for v, f in zip(value, type_.fields, strict=True)]
        return _NO if any(i is _NO for i in items) else tuple(items)
    if isinstance(type_, tree.NameType):
        return _fit_name(value, type_.name.name)
    return _NO


def _fit_name(value: Any, name: str) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "int":
        return value if (number and isinstance(value, int)) or isinstance(value, Poly) else _NO
    if name == "float":
        return float(value) if number else value if isinstance(value, Poly) else _NO
    if name == "bool":
        return value if isinstance(value, bool) else _NO
    if name == "str":
        return value if isinstance(value, str) else _NO
    if name == "fn":
        functions = (OpFunction, FnFunction, Builtin, LawFunction, Law)
        ok = isinstance(value, functions) or (isinstance(value, Partial) and value.waits) or isinstance(value, Instance)
        return value if ok else _NO
    if name == "block":
        return (
            value
            if isinstance(value, (OpConstructor, BlockConstructor)) or (isinstance(value, Partial) and not value.waits)
            else _NO
        )
    if name == "module":
        waits = isinstance(value, (OpFunction, FnFunction)) or (isinstance(value, Partial) and value.waits)
        return value if isinstance(value, Instance) or waits else _NO
    return _NO


def words(type_: tree.TypeExpr | None) -> str:
    """A type in a message."""
    if type_ is None:
        return "something else"
    if isinstance(type_, tree.UnionType):
        return " or ".join(words(o) for o in type_.options)
    known = {
        "int": "a whole number", "float": "a number", "bool": "true or false", "str": "a string", "fn": "a function",
        "block": "a constructor", "module": "a module",
    }  # fmt: skip
    if isinstance(type_, tree.NameType):
        text = known.get(type_.name.name, f"`{type_.name.name}`")
    elif isinstance(type_, tree.ListType):
        text = f"a list of {words(type_.element).removeprefix('a ')}s"
    else:
        text = f"`{type_.span.text}`"
    return f"{text} or `none`" if type_.optional else text


def _type_help(type_: tree.TypeExpr | None, value: Any) -> list[str]:
    if isinstance(type_, tree.NameType):
        kind = type_.name.name
        if kind == "module" and isinstance(value, (OpConstructor, BlockConstructor)):
            return ["a constructor makes a module when it is called: add its brackets"]
        if kind == "block" and isinstance(value, Instance):
            return ["a block is handed over as its constructor, without brackets; `...` fills in some arguments"]
        if kind == "fn" and isinstance(value, (OpConstructor, BlockConstructor)):
            return ["a function is in lower case; a constructor makes a module when it is called"]
    return []


def _type_fix(type_: tree.TypeExpr | None, a: Argument) -> Fix | None:
    """The argument as the type wants it, where that is clear."""
    if not isinstance(type_, tree.NameType):
        return None
    kind, text, value = type_.name.name, a.span.text, a.value
    if kind == "block" and isinstance(value, Instance) and text == f"{value.what}()":
        return Fix(f"write `{value.what}`", (Edit(a.span, value.what),))
    if kind == "module" and isinstance(value, (OpConstructor, BlockConstructor)) and text.isidentifier():
        return Fix(f"write `{text}()`", (Edit(a.span, f"{text}()"),))
    if kind == "int" and isinstance(value, float):
        return Fix(f"write `int({text})`", (Edit(a.span, f"int({text})"),))
    if kind == "bool" and value in (0, 1) and text in ("0", "1"):
        wanted = "true" if value else "false"
        return Fix(f"write `{wanted}`", (Edit(a.span, wanted),))
    return None
