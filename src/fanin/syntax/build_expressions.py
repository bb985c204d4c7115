"""Expression nodes, by grammar rule.

Every function gets the builder and the values of its rule's symbols in order: a node, a list for what repeats, or
for a sign or reserved word the place where it starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fanin.source import Span
from fanin.syntax import checks
from fanin.syntax.nodes import quick
from fanin.syntax.tree import (
    Arg,
    Call,
    Chain,
    Conditional,
    Dots,
    Expr,
    Ident,
    Index,
    ListExpr,
    Member,
    Paren,
    Pipe,
    Slice,
    Stage,
    Step,
    TupleExpr,
    Unary,
)

if TYPE_CHECKING:
    from fanin.syntax.builder import Builder

_arg, _call, _chain, _pipe, _stage = quick(Arg), quick(Call), quick(Chain), quick(Pipe), quick(Stage)
_step, _paren, _list, _member, _index = quick(Step), quick(Paren), quick(ListExpr), quick(Member), quick(Index)
_span = tuple.__new__
# Signs of other languages, reported and read as ours.
_MEANT = {
    "^": "**",
    "&": "and",
    "|": "or",
    "=": "==",
    "×": "*",
    "·": "*",
    "÷": "/",
    "−": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}
_SIGNS = {"==", "!=", "<=", ">=", "++", "//", "**", "..", "in", "or"}


def between(first: Any, rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """The entries of ``x ("," x)* ","?`` and what closes it."""
    if rest and rest[0].__class__ is list:
        return (first, *rest[0][1::2])
    return (first,)


def _node(b: Builder, value: Any) -> Any:
    """An entry of arguments or of an index, where ``...`` comes as its place."""
    return Dots(Span(b.source, value, value + 3)) if value.__class__ is int else value


def value(b: Builder, then: Expr, at: int, test: Expr, other: int, otherwise: Expr) -> Conditional:
    end = otherwise.span[2]
    b.chains[end] = b.chains.get(end, 0) + 1
    return Conditional(Span(b.source, then.span[1], end), then, test, otherwise)


def _as_stage(entry: Any) -> Stage:
    return entry if entry.__class__ is Stage else _stage(entry.span, None, entry, None)


def expr(b: Builder, first: Any, rest: list[Any]) -> Pipe:
    stages = [_as_stage(first)]
    for entry in rest[1::2]:
        stages.append(entry if entry.__class__ is Stage else _stage(entry.span, None, entry, None))
    pipe = _pipe(_span(Span, (b.source, stages[0].span[1], stages[-1].span[2])), tuple(stages))
    for stage in stages:
        kind = stage.value.__class__
        if kind is Chain or kind is Unary:
            checks.check_bare_operator(b, pipe)
            break
    return pipe


def stage_label(b: Builder, label: Expr, colon: int, test: Expr) -> Stage:
    if label.__class__ is not Ident:
        checks.check_label(b, label)
    return _stage(_span(Span, (b.source, label.span[1], test.span[2])), label, test, None)


def stage_label_as(b: Builder, label: Expr, colon: int, test: Expr, at: int, name: Ident) -> Stage:
    checks.check_label(b, label)
    return _stage(_span(Span, (b.source, label.span[1], name.span[2])), label, test, name)


def stage_as(b: Builder, test: Expr, at: int, name: Ident) -> Stage:
    return _stage(_span(Span, (b.source, test.span[1], name.span[2])), None, test, name)


def alone(entry: Any) -> Any:
    """A single stage is a Pipe only where it has a label or an ``as``."""
    return _pipe(entry.span, (entry,)) if entry.__class__ is Stage else entry


def chain(b: Builder, first: Expr, rest: list[Any]) -> Chain:
    """``first (op operand)*`` of one level."""
    steps = []
    text, source = b.text, b.source
    for place in range(0, len(rest), 2):
        at, operand = rest[place], rest[place + 1]
        op = text[at : at + 2]
        length = 2
        if op not in _SIGNS:
            if op == "an":
                op, length = "and", 3
            else:
                length = 2 if op in ("&&", "||") else 1
                op = _MEANT.get(op[0], op[0])
        steps.append(_step(_span(Span, (source, at, at + length)), op, operand))
    return _chain(_span(Span, (source, first.span[1], rest[-1].span[2])), first, tuple(steps))


def pair(b: Builder, first: Expr, at: int, operand: Expr) -> Chain:
    return chain(b, first, [at, operand])


def power(b: Builder, first: Expr, at: int, operand: Expr) -> Chain:
    end = operand.span[2]
    b.chains[end] = b.chains.get(end, 0) + 1
    return chain(b, first, [at, operand])


def negative(b: Builder, at: int, operand: Expr) -> Unary:
    end = operand.span[2]
    b.chains[end] = b.chains.get(end, 0) + 1
    return Unary(Span(b.source, at, end), "-", operand)


def not_(b: Builder, at: int, operand: Expr) -> Unary:
    end = operand.span[2]
    b.chains[end] = b.chains.get(end, 0) + 1
    return Unary(Span(b.source, at, end), "not", operand)


def args(b: Builder, opening: int, *rest: Any) -> tuple[tuple[Arg, ...], int]:
    """The arguments, and where their brackets end."""
    end = rest[-1] + 1
    if len(rest) == 1:
        return (), end
    first = rest[0]
    entries = (first, *rest[1][1::2]) if rest[1].__class__ is list else (first,)
    made = []
    for entry in entries:
        kind = entry.__class__
        if kind is Stage:
            named = checks.argument_meant(b, entry)
            entry = _arg(entry.span, named, entry.value if named else alone(entry))
        elif kind is not Arg:
            entry = _node(b, entry)
            entry = _arg(entry.span, None, entry)
        made.append(entry)
    return tuple(made), end


def arg_named(b: Builder, name: Ident, equals: int, value: Any) -> Arg:
    if value.__class__ is Stage:
        value = alone(value)
    return _arg(_span(Span, (b.source, name.span[1], value.span[2])), name, value)


def call(b: Builder, callee: Expr, given: tuple[tuple[Arg, ...], int]) -> Call:
    start = callee.span[1]
    chains = b.chains
    chains[start] = chains.get(start, 0) + 1
    return _call(_span(Span, (b.source, start, given[1])), callee, given[0])


def index(b: Builder, of: Expr, opening: int, first: Any, *rest: Any) -> Index:
    start = of.span[1]
    b.chains[start] = b.chains.get(start, 0) + 1
    items = tuple([_node(b, item) for item in between(first, rest)])
    return _index(_span(Span, (b.source, start, rest[-1] + 1)), of, items)


def member(b: Builder, of: Expr, dot: int, name: Ident) -> Member:
    start = of.span[1]
    b.chains[start] = b.chains.get(start, 0) + 1
    return _member(_span(Span, (b.source, start, name.span[2])), of, name)


def slice_(b: Builder, *parts: Any) -> Slice:
    bounds: list[Expr | None] = [None, None, None]
    place = 0
    for part in parts:
        if part.__class__ is int:
            place += 1
        else:
            bounds[place] = part
    first, last = parts[0], parts[-1]
    start = first if isinstance(first, int) else first.span[1]
    end = last + 1 if isinstance(last, int) else last.span[2]
    return Slice(Span(b.source, start, end), *bounds)


def paren(b: Builder, opening: int, value: Any, closing: int) -> Paren:
    return _paren(_span(Span, (b.source, opening, closing + 1)), alone(value))


def tuple_(b: Builder, opening: int, first: Any, comma: int, *rest: Any) -> TupleExpr:
    items = (first,) if len(rest) == 1 else (first, *between(rest[0], rest[1:]))
    return TupleExpr(Span(b.source, opening, rest[-1] + 1), tuple([alone(item) for item in items]))


def list_(b: Builder, opening: int, *rest: Any) -> ListExpr:
    items = between(rest[0], rest[1:]) if len(rest) > 1 else ()
    return _list(_span(Span, (b.source, opening, rest[-1] + 1)), tuple([alone(item) for item in items]))


RULES: dict[str, Callable[..., Any]] = {
    "value": lambda b, then, at, test, other, rest: value(b, alone(then), at, test, other, alone(rest)),
    "expr": expr,
    "stage_label": stage_label,
    "stage_label_as": stage_label_as,
    "stage_as": stage_as,
    "test": chain,
    "conj": chain,
    "comparison": chain,
    "range": pair,
    "cat": chain,
    "sum": chain,
    "term": chain,
    "power": power,
    "negative": negative,
    "not_": not_,
    "args": args,
    "arg_named": arg_named,
    "call": call,
    "index": index,
    "member": member,
    "slice": slice_,
    "paren": paren,
    "tuple": tuple_,
    "list": list_,
}
