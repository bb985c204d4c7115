"""The reference of the ops, read off their classes: ``fanin ops`` and ``docs/ops.md``."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fanin.ir.poly import Poly
from fanin.ops.attributes import attribute_types
from fanin.ops.contract import Op, Port
from fanin.ops.registry import all_ops
from fanin.record import record


@record
class Entry:
    """A name that a spec can call. An op that is a function and a module too (``relu``, ``ReLU``) has two entries."""

    name: str
    kind: str  # "module" | "function"
    signature: str
    summary: str
    doc: str
    example: str
    folder: str
    op: Op[Any]


def entries() -> Iterator[Entry]:
    """Every name, op by op. Imports all files of ops."""
    for op in all_ops():
        if op.module != op.name:
            yield _entry(op, op.name, "function")
        if op.module:
            yield _entry(op, op.module, "module")


def _entry(op: Op[Any], name: str, kind: str) -> Entry:
    summary, _, doc = inspect.cleandoc(type(op).__doc__ or "").partition("\n\n")
    first, _, rest = summary.partition("\n")
    while rest and not first.endswith("."):  # the first sentence may go over a line
        more, _, rest = rest.partition("\n")
        first = f"{first} {more}"
    doc = "\n\n".join(part for part in (rest, doc) if part)
    folder = type(op).__module__.split(".")[-2]
    return Entry(name, kind, signature(op, name, kind), first, doc, op.example, folder, op)


def signature(op: Op[Any], name: str, kind: str) -> str:
    """``Conv2d(out_channels: int, kernel_size: int | (int, …), *, bias: bool = true)``, as specs write types."""
    kind_of: Any = op.attrs
    types = attribute_types(kind_of)
    attributes = {f.name: _attribute(f, types[f.name]) for f in fields(op.attrs)}
    attributes.pop(op.keywords, None)
    by_place = [f.name for f in fields(op.attrs) if not f.kw_only and f.name in attributes]
    if kind == "module":
        shown, rest = by_place, [name for name in attributes if name not in by_place]
        parts = [attributes[name] for name in shown]
    else:
        ports = {port.name: _port(port) for port in op.inputs}
        known = ports | attributes
        shown = [name.removeprefix("*") for name in op.order] or [*ports, *by_place]
        # What is gathered by a star takes all that goes by place.
        starred = next((name.removeprefix("*") for name in op.order if name.startswith("*")), None)
        parts = [f"*{known[name].removeprefix('*')}" if name == starred else known[name] for name in shown]
        rest = [name for name in known if name not in shown]
        if starred:
            parts += [known[name] for name in rest]
            rest = []
        attributes = known
    if rest:
        parts += ["*", *(attributes[name] for name in rest)]
    if op.keywords:
        parts.append("name=size, …")
    return f"{name}({', '.join(parts)})"


def _port(port: Port) -> str:
    return ("*" if port.variadic else "") + port.name + (": tensor?" if port.optional else "")


def _attribute(field: Any, hint: Any) -> str:
    text = f"{field.name}: {spell(hint)}"
    if field.default is not MISSING:
        text += f" = {_value(field.default)}"
    return text


def spell(hint: Any) -> str:
    """An annotation as the language writes types."""
    origin = get_origin(hint)
    if origin is Annotated:
        return spell(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        options = [o for o in get_args(hint) if o not in (type(None), Poly)]
        words = " | ".join(dict.fromkeys(spell(o) for o in options))
        optional = type(None) in get_args(hint)
        return words if not optional else f"{words}?" if " " not in words else f"{words} | none"
    if origin is Literal:
        return " | ".join(_value(v) for v in get_args(hint))
    if origin is tuple:
        args = get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return f"({spell(args[0])}, …)"
        return f"({', '.join(map(spell, args))})"
    return str(getattr(hint, "__name__", hint)).replace("Poly", "int")


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return "none" if value == () else str(value)
