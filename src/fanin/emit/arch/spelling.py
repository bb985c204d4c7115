"""Attributes, numbers, laws and types as the language writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from fanin.emit.arch.parts import CannotWrite, Number, Part, Text
from fanin.ir.dims import Dim, Poly, render
from fanin.ir.laws import Auto, Constant, Fixup, Law, Normal, Orthogonal, Scaled, TorchDefault, TruncNormal, Uniform
from fanin.ir.types import DType
from fanin.ops.contract import Op, OpAttrs, argument_order

_SHORT = {
    "out_features": "width",
    "out_channels": "width",
    "hidden_size": "width",
    "embedding_dim": "width",
    "num_groups": "groups",
    "num_heads": "heads",
}

def spell(value: Any, hint: str = "") -> Text:
    """A value of an attribute."""
    if value is None:
        return ("none",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, int):
        return (Number(value, hint),) if value > 1 else (str(value),)
    if isinstance(value, float):
        return (number(value),)
    if isinstance(value, str):
        return (f'"{value}"',)
    if isinstance(value, Poly):
        return (sized(value),)
    if isinstance(value, tuple):
        parts: list[Part] = ["("]
        for i, item in enumerate(value):
            parts += [", " if i else "", *spell(item, f"{hint}{i + 1}")]
        return (*parts, ",)" if len(value) == 1 else ")")
    raise CannotWrite(f"a value such as {value!r}")


def sized(d: Dim) -> str:
    """A dimension. Letters that the compiler has named itself begin like all letters of a shape."""
    return render(d, lambda symbol: f"N{symbol.name[1:]}" if _OWN.fullmatch(symbol.name) else symbol.name)


_OWN = re.compile(r"n\d+")


def number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {float("inf"): "inf", float("-inf"): "-inf"}.get(value, "nan")
    text = repr(float(value))
    if "e" in text and "." not in text:
        return text
    return text


def arguments(op: Op[Any], a: OpAttrs, label: str, tensors: Sequence[Text | None] = ()) -> list[Text]:
    """The arguments of a call: what goes by place, then by name what is not as it would be anyway.

    ``tensors`` follow the inputs; a module's are not among its arguments.
    """
    ports = {port.name: port for port in op.inputs}
    usual = {f.name: f.default for f in fields(a)}
    given = list(tensors)
    found: list[Text] = []
    by_place = True

    def add(name: str, value: Any) -> None:
        nonlocal by_place
        text = spell(value, f"{label}_{_SHORT.get(name, name)}")
        first = len(found) == len(tensors) and type(value) in (int, Poly) and name != "axis"
        if by_place and (usual[name] is MISSING or (first and value != usual[name])):
            found.append(text)
            return
        if usual[name] is MISSING or value != usual[name]:
            found.append((f"{name}=", *text))
        by_place = False

    order = argument_order(type(op))
    for entry in order:
        name = entry.lstrip("*")
        if name in ports:
            count = len(given) if ports[name].variadic else min(1, len(given))
            by_place = by_place and (count > 0 or not tensors)
            for tensor in [given.pop(0) for _ in range(count)]:
                found.append(("none",) if tensor is None else tensor if by_place else (f"{name}=", *tensor))
        elif entry.startswith("*") and by_place:
            found += [spell(v, f"{label}_{name}{i + 1}") for i, v in enumerate(getattr(a, name))]
        elif name in usual:
            add(name, getattr(a, name))
    by_place = False
    for f in fields(a):
        if f.name == op.keywords:
            found += [(f"{key}=", *spell(size, f"{label}_{key}")) for key, size in getattr(a, f.name)]
        elif f.name not in [e.lstrip("*") for e in order]:
            add(f.name, getattr(a, f.name))
    return found


def comma(texts: Sequence[Text]) -> Text:
    found: list[Part] = []
    for i, text in enumerate(texts):
        found += [", " if i else "", *text]
    return tuple(p for p in found if p != "")


def law(value: Law) -> str:
    """An initialiser."""
    match value:
        case Constant():
            return {0.0: "zeros", 1.0: "ones"}.get(value.value, f"constant({number(value.value)})")
        case Normal():
            mean = f"mean={number(value.mean)}, " if value.mean else ""
            return f"normal({mean}std={number(value.std)})"
        case TruncNormal():
            extra = "".join(
                f", {name}={number(getattr(value, name))}"
                for name, usual in (("mean", 0.0), ("low", -2.0), ("high", 2.0))
                if getattr(value, name) != usual
            )
            return f"trunc_normal(std={number(value.std)}{extra})"
        case Uniform():
            return f"uniform({number(value.low)}, {number(value.high)})"
        case Scaled():
            args = [f'mode="{value.mode}"'] if value.mode != "fan_in" and value.family == "he" else []
            args += [f"gain={number(value.gain)}"] if value.gain != 1 else []
            return f"{value}({', '.join(args)})" if args else str(value)
        case Orthogonal():
            return "orthogonal" if value.gain == 1 else f"orthogonal(gain={number(value.gain)})"
        case TorchDefault():
            return "default"
        case Fixup() | Auto():
            return value.name
    raise CannotWrite(f"the initialiser {value}")


def typed(dtype: DType, axes: Sequence[Text]) -> Text:
    head = "" if dtype is DType.FLOAT else dtype.value
    return (f"{head}[", *comma(axes), "]")
