"""Nodes of statements, by grammar rule; `build_expressions` says what the functions get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fanin.source import Span
from fanin.syntax import checks
from fanin.syntax.build_expressions import alone
from fanin.syntax.nodes import quick
from fanin.syntax.tree import (
    Assert,
    Attribute,
    Augment,
    Bind,
    Body,
    Clause,
    Expect,
    Expr,
    For,
    Ident,
    If,
    Measure,
    Path,
    Return,
    State,
    Statement,
    String,
    Train,
    TrainingStage,
    TypedBind,
    TypeExpr,
    Update,
)

if TYPE_CHECKING:
    from fanin.syntax.build_recipes import Given
    from fanin.syntax.builder import Builder

_bind, _augment, _typed, _return = quick(Bind), quick(Augment), quick(TypedBind), quick(Return)
_span = tuple.__new__


def body(b: Builder, opening: int, *rest: Any) -> Body:
    statements = tuple(rest[0]) if len(rest) > 1 else ()
    checks.check_returns_last(b, statements)
    return Body(Span(b.source, opening, rest[-1] + 1), statements)


def attributed(b: Builder, attributes: list[Attribute], statement: Statement) -> Statement:
    return replace(statement, attributes=tuple(attributes))


def names(b: Builder, first: Ident, rest: list[Any] | None = None) -> tuple[Ident, ...]:
    return (first, *rest[1::2]) if rest else (first,)


def bind(b: Builder, names: tuple[Ident, ...], equals: int, value: Any) -> Bind:
    value = alone(value)
    return _bind(_span(Span, (b.source, names[0].span[1], value.span[2])), (), names, value)


def augment(b: Builder, name: Ident, at: int, value: Any) -> Augment:
    value = alone(value)
    return _augment(_span(Span, (b.source, name.span[1], value.span[2])), (), name, b.text[at], value)


def typed_bind(b: Builder, name: Ident, colon: int, type: TypeExpr, equals: int, value: Any) -> TypedBind:
    value = alone(value)
    return _typed(_span(Span, (b.source, name.span[1], value.span[2])), (), name, type, value)


def state(b: Builder, at: int, name: Ident, colon: int, type: TypeExpr, equals: int, value: Any) -> State:
    value = alone(value)
    kind = "param" if b.text[at] == "p" else "buffer"
    return State(Span(b.source, at, value.span[2]), (), kind, name, type, value)


def update(b: Builder, word: Ident, name: Ident, equals: int, value: Any) -> Update:
    value = alone(value)
    return Update(Span(b.source, word.span[1], value.span[2]), (), name, value)


def for_(b: Builder, at: int, names: tuple[Ident, ...], in_: int, iterable: Expr, body: Body) -> For:
    checks.check_no_return_in_loop(b, at)
    return For(Span(b.source, at, body.span[2]), (), names, iterable, body)


def if_(b: Builder, at: int, test: Expr, body: Body, *rest: Any) -> If:
    branches = [(test, body)]
    otherwise = None
    if rest and rest[0].__class__ is list:
        more = rest[0]
        branches += [(more[place + 1], more[place + 2]) for place in range(0, len(more), 3)]
        rest = rest[1:]
    if rest:
        otherwise = rest[1]
    end = (otherwise or branches[-1][1]).span[2]
    return If(Span(b.source, at, end), (), tuple(branches), otherwise)


def assert_(b: Builder, at: int, test: Expr, comma: int = 0, message: String | None = None) -> Assert:
    return Assert(Span(b.source, at, (message or test).span[2]), (), test, message)


def expect(b: Builder, at: int, test: Expr) -> Expect:
    return Expect(Span(b.source, at, test.span[2]), (), test)


def measure(b: Builder, word: Ident, name: Ident, equals: int, value: Any) -> Measure:
    value = alone(value)
    made = Measure(Span(b.source, word.span[1], value.span[2]), (), word.name, name, value)
    b.system_only.append(made)
    return made


def train(b: Builder, word: Ident, first: Path, *rest: Any) -> Train:
    nets = (first,)
    if rest[0].__class__ is list:
        nets = (first, *rest[0][1::2])
        rest = rest[1:]
    _, loss, _, optimiser, *more = rest
    options: tuple[Clause, ...] = tuple(more[0][1::2]) if more else ()
    end = (options[-1] if options else optimiser).span[2]
    made = Train(Span(b.source, word.span[1], end), (), nets, alone(loss), optimiser, options)
    b.system_only.append(made)
    return made


def training_stage(b: Builder, word: Ident, name: Ident, *rest: Any) -> TrainingStage:
    given: Given | None = None
    if rest[0].__class__ is tuple:
        given, rest = rest[0], rest[1:]
    _, count, unit, *condition, body = rest
    until = alone(condition[1]) if condition else None
    span = Span(b.source, word.span[1], body.span[2])
    made = TrainingStage(span, (), name, given[0] if given else None, count, unit, until, body)
    b.system_only.append(made)
    return made


def return_(b: Builder, at: int, first: Any, rest: list[Any] | None = None) -> Return:
    values = tuple([alone(value) for value in ((first, *rest[1::2]) if rest else (first,))])
    made = _return(_span(Span, (b.source, at, values[-1].span[2])), (), values)
    b.returns.append(made)
    return made


RULES: dict[str, Callable[..., Any]] = {
    "body": body,
    "attributed": attributed,
    "names": names,
    "bind": bind,
    "augment": augment,
    "typed_bind": typed_bind,
    "state": state,
    "update": update,
    "for_": for_,
    "if_": if_,
    "assert_": assert_,
    "expect": expect,
    "measure": measure,
    "train": train,
    "training_stage": training_stage,
    "return_": return_,
}
