"""Nodes of types, parameters and attributes, by grammar rule; `build_expressions` says what the functions get."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fanin.source import Span
from fanin.syntax.build_expressions import alone, between
from fanin.syntax.nodes import quick
from fanin.syntax.tree import (
    Attribute,
    Expr,
    Field,
    Ident,
    ListType,
    Mark,
    NameType,
    Param,
    ShapeType,
    StarDim,
    String,
    TupleType,
    Type,
    TypeExpr,
    UnionType,
)

if TYPE_CHECKING:
    from fanin.syntax.builder import Builder

_param, _shape, _name = quick(Param), quick(ShapeType), quick(NameType)


def type_(b: Builder, first: Type, rest: list[Any]) -> UnionType:
    options = (first, *rest[1::2])
    return UnionType(Span(b.source, first.span[1], options[-1].span[2]), options)


def optional(b: Builder, base: Type, mark: int) -> Type:
    span = Span(b.source, base.span[1], mark + 1)
    match base:
        case ShapeType():
            return ShapeType(span, True, base.dtype, base.dims)
        case NameType():
            return NameType(span, True, base.name)
        case ListType():
            return ListType(span, True, base.element)
        case TupleType():
            return TupleType(span, True, base.fields)
    raise AssertionError(base)


def shape_type(b: Builder, *parts: Any) -> ShapeType:
    dtype = parts[0] if isinstance(parts[0], Ident) else None
    inner = parts[2:] if dtype else parts[1:]
    dims = between(inner[0], inner[1:]) if len(inner) > 1 else ()
    start = dtype.span[1] if dtype else parts[0]
    return _shape(Span(b.source, start, parts[-1] + 1), False, dtype, dims)


def name_type(b: Builder, name: Ident) -> NameType:
    return _name(name.span, False, name)


def list_type(b: Builder, word: Ident, opening: int, element: TypeExpr, closing: int) -> ListType:
    return ListType(Span(b.source, word.span[1], closing + 1), False, element)


def tuple_type(b: Builder, opening: int, first: Field, *rest: Any) -> TupleType:
    return TupleType(Span(b.source, opening, rest[-1] + 1), False, between(first, rest))


def field_named(b: Builder, name: Ident, colon: int, type: TypeExpr) -> Field:
    return Field(Span(b.source, name.span[1], type.span[2]), name, type)


def field_bare(b: Builder, type: TypeExpr) -> Field:
    return Field(type.span, None, type)


def star(b: Builder, at: int, name: Ident | None = None) -> StarDim:
    return StarDim(Span(b.source, at, name.span[2] if name else at + 1), name)


def params(b: Builder, opening: int, *rest: Any) -> tuple[Param, ...]:
    return between(rest[0], rest[1:]) if len(rest) > 1 else ()


def param(b: Builder, name: Ident, type: TypeExpr | None, default: Any) -> Param:
    default = alone(default)
    last: Expr | TypeExpr = default or type or name
    return _param(Span(b.source, name.span[1], last.span[2]), name, type, default)


def attribute(b: Builder, word: Ident, opening: int, *rest: Any) -> Attribute:
    marks = between(rest[0], rest[1:]) if len(rest) > 1 else ()
    return Attribute(Span(b.source, word.span[1], rest[-1] + 1), word.name, marks)


def mark_name(b: Builder, first: Ident, rest: list[Any] | None = None) -> Mark:
    names = [first, *(rest[1::2] if rest else ())]
    return Mark(Span(b.source, first.span[1], names[-1].span[2]), "-".join(name.name for name in names), None)


def mark_value(b: Builder, name: Ident, equals: int, value: Any) -> Mark:
    value = alone(value)
    return Mark(Span(b.source, name.span[1], value.span[2]), name.name, value)


def mark_text(b: Builder, text: String) -> Mark:
    return Mark(text.span, None, text)


RULES: dict[str, Callable[..., Any]] = {
    "type": type_,
    "optional": optional,
    "shape_type": shape_type,
    "name_type": name_type,
    "list_type": list_type,
    "tuple_type": tuple_type,
    "field_named": field_named,
    "field_bare": field_bare,
    "star": star,
    "params": params,
    "param_bare": lambda b, name: param(b, name, None, None),
    "param_typed": lambda b, name, colon, type: param(b, name, type, None),
    "param_default": lambda b, name, equals, default: param(b, name, None, default),
    "param_full": lambda b, name, colon, type, equals, default: param(b, name, type, default),
    "attr": attribute,
    "mark_name": mark_name,
    "mark_value": mark_value,
    "mark_text": mark_text,
}
