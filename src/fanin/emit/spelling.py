"""Parts of a program as the language writes them: signatures, modules, values."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Any

from fanin.analyses.paths import Instance
from fanin.ir.graph import Graph, Leaf, Operand, Port, Row
from fanin.ops.contract import Op, OpAttrs
from fanin.ops.spelling import same


def signature(graph: Graph) -> str:
    """``ResNet50(image: [N, 3, H, W]) -> [N, 1000]``"""
    inputs = ", ".join(map(_port, graph.ports))
    results = [(r.name, _type(r.value)) for r in graph.results]
    if len(results) == 1:
        given = results[0][1]
    else:
        given = "(" + ", ".join(f"{name}: {type_}" if name else type_ for name, type_ in results) + ")"
    return f"{graph.name}({inputs}) -> {given}"


def _port(port: Port) -> str:
    return f"{port.name}: {'none' if port.value is None else port.value.type}"


def _type(operand: Operand) -> str:
    return str(operand.type)


def module(instance: Instance) -> str:
    """``Conv2d(64, 7, stride=2)``, ``Bottleneck(width=64)``; what is in others, their rows say."""
    if isinstance(instance, Leaf):
        return f"{instance.op.module or instance.op.name}({arguments(instance.op, instance.attrs)})"
    if isinstance(instance, Row):
        return f"{instance.count} in a row"
    return use(instance.graph)


def use(graph: Graph) -> str:
    """``Bottleneck(width=64)``"""
    if graph.kind == "composition":
        return "composition"
    return f"{graph.name}({hypers(graph)})"


def hypers(graph: Graph) -> str:
    """``width=64, norm=BatchNorm2d``: what is no plain value is in the IR by what a message calls it."""
    return ", ".join(f"{name}={_hyper(v)}" for name, v in graph.hypers)


def _hyper(v: Any) -> str:
    described = re.fullmatch(r"(?:the|a|an) [\w ]+ `(.+)`", v) if isinstance(v, str) else None
    return described[1] if described else value(v)


def arguments(op: Op[Any], attrs: OpAttrs) -> str:
    """Attributes as they would be written: those without a default by place, the others where they say something."""
    written: list[str] = []
    for f in fields(attrs):
        given = getattr(attrs, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING:
            written.append(value(given))
        elif f.name == op.keywords:
            written += [f"{name}={value(v)}" for name, v in given]
        elif not same(given, default):
            written.append(f"{f.name}={value(given)}")
    return ", ".join(written)


def value(v: Any) -> str:
    """A number, string or tuple in the language."""
    if v is None:
        return "none"
    if isinstance(v, bool):
        return str(v).lower()
    if isinstance(v, str):
        return f'"{v}"'
    if isinstance(v, (tuple, list)):
        inner = ", ".join(map(value, v))
        return f"[{inner}]" if isinstance(v, list) else f"({inner}{',' if len(v) == 1 else ''})"
    return str(v)
