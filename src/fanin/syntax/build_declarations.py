"""Nodes of declarations and of the whole file, by grammar rule; `build_expressions` says what is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fanin.source import Span
from fanin.syntax import checks
from fanin.syntax.build_expressions import alone
from fanin.syntax.tree import (
    Alias,
    Attribute,
    Block,
    BlockAlias,
    Body,
    Const,
    Declaration,
    Expr,
    Extern,
    Fn,
    Ident,
    Import,
    Inverse,
    Param,
    Prune,
    PruneClause,
    String,
    System,
    TypeExpr,
)

if TYPE_CHECKING:
    from fanin.syntax.builder import Builder


def file(b: Builder, items: list[Declaration | None] | None = None) -> tuple[Declaration, ...]:
    return tuple([item for item in items or () if item is not None])


def item(b: Builder, *parts: Any) -> Declaration | None:
    """None where the head of the declaration could not be read: its parts would mislead."""
    made: Declaration = parts[-1]
    attributes: tuple[Attribute, ...] = tuple(parts[0]) if len(parts) > 1 else ()
    doc = b.docs.get((attributes[0] if attributes else made).span[1], "")
    if attributes or doc:
        made = replace(made, attributes=attributes, doc=doc)
    checks.check_declaration(b, made)
    broken, b.broken = b.broken, False
    return None if broken else made


def import_(b: Builder, at: int, origin: Any, word: int, first: Alias, rest: list[Any] | None = None) -> Import:
    names = (first, *rest[1::2]) if rest else (first,)
    span = Span(b.source, at, names[-1].span[2])
    if isinstance(origin, String):
        return Import(span, (), "", origin.value, origin.span, True, names)
    text, where = origin
    return Import(span, (), "", text, where, False, names)


def dotted(b: Builder, first: Ident, rest: list[Any] | None = None) -> tuple[str, Span]:
    names = (first, *rest[1::2]) if rest else (first,)
    return ".".join(name.name for name in names), Span(b.source, first.span[1], names[-1].span[2])


def alias(b: Builder, name: Ident, at: int = 0, other: Ident | None = None) -> Alias:
    return Alias(Span(b.source, name.span[1], (other or name).span[2]), name, other)


def const(b: Builder, at: int, name: Ident, equals: int, value: Any) -> Const:
    value = alone(value)
    return Const(Span(b.source, at, value.span[2]), (), "", name, value)


def fn(b: Builder, word: Ident, name: Ident, params: tuple[Param, ...], result: TypeExpr | None, body: Body) -> Fn:
    return Fn(Span(b.source, word.span[1], body.span[2]), (), "", name, params, result, body)


def block(
    b: Builder,
    word: Ident,
    name: Ident,
    hypers: tuple[Param, ...],
    inputs: tuple[Param, ...],
    result: TypeExpr | None,
    body: Body,
    inverse: Inverse | None,
) -> Block:
    span = Span(b.source, word.span[1], (inverse or body).span[2])
    return Block(span, (), "", name, word.name == "model", hypers, inputs, result, body, inverse)


def inverse(b: Builder, *parts: Any) -> Inverse | None:
    if not parts:
        return None
    word, params, result, body = parts
    return Inverse(Span(b.source, word.span[1], body.span[2]), params, result, body)


def block_alias(
    b: Builder,
    word: Ident,
    name: Ident,
    hypers: tuple[Param, ...] | None,
    equals: int,
    value: Any,
    promises: Body | None,
) -> BlockAlias:
    value = alone(value)
    if promises:
        checks.check_only_promises(b, promises)
    last: Expr | Body = promises or value
    span = Span(b.source, word.span[1], last.span[2])
    return BlockAlias(span, (), "", name, word.name == "model", hypers, value, promises)


def extern(
    b: Builder,
    word: Ident,
    block: Ident,
    name: Ident,
    hypers: tuple[Param, ...],
    inputs: tuple[Param, ...],
    arrow: int,
    result: TypeExpr,
    equals: int,
    target: String,
) -> Extern:
    span = Span(b.source, word.span[1], target.span[2])
    return Extern(span, (), "", name, hypers, inputs, result, target)


def system(
    b: Builder, word: Ident, name: Ident, hypers: tuple[Param, ...], inputs: tuple[Param, ...], body: Body
) -> System:
    return System(Span(b.source, word.span[1], body.span[2]), (), "", name, hypers, inputs, body)


def prune(b: Builder, word: Ident, name: Ident, of: Ident, target: Expr, opening: int, *rest: Any) -> Prune:
    clauses: tuple[PruneClause, ...] = tuple(rest[0]) if len(rest) > 1 else ()
    return Prune(Span(b.source, word.span[1], rest[-1] + 1), (), "", name, target, clauses)


def maybe(b: Builder, given: Any = None) -> Any:
    return given


RULES: dict[str, Callable[..., Any]] = {
    "file": file,
    "item": item,
    "import_": import_,
    "dotted": dotted,
    "alias": alias,
    "const": const,
    "fn": fn,
    "block": block,
    "model": block,
    "inverse": inverse,
    "block_alias": block_alias,
    "model_alias": block_alias,
    "extern": extern,
    "system": system,
    "prune": prune,
    "maybe_params": maybe,
    "maybe_body": maybe,
    "result": lambda b, *parts: parts[1] if parts else None,
}
