"""Sizes that a graph speaks of and that no input tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fanin.ir.dims import Poly, Symbol
from fanin.ir.graph import Apply, Call, Node, Port, Repeat, Scalar


def untold_sizes(ports: Sequence[Port], nodes: Sequence[Node]) -> tuple[Symbol, ...]:
    """The open dimensions that nodes speak of and no input has as an axis, in order of first use."""
    axes = {
        s
        for p in ports
        if p.value is not None
        for d in p.value.type.shape
        if isinstance(d, Poly)
        for s in d.symbols()
        if s * 1 == d
    }
    found: dict[Symbol, None] = {}
    plain: set[Any] = set()  # attributes without an open size

    def visit(value: Any) -> None:
        if isinstance(value, Poly):
            found.update((s, None) for s in sorted(value.symbols(), key=lambda s: s.name) if s not in axes)
        elif isinstance(value, (tuple, list)):
            for v in value:
                visit(v)
        elif hasattr(value, "_record_fields"):
            for name in value._record_fields:
                visit(getattr(value, name))

    for node in nodes:
        for operand in node.inputs:
            if isinstance(operand, Scalar):
                visit(operand.value)
        if isinstance(node, Apply):
            if node.attrs not in plain:
                before = len(found)
                visit(node.attrs)
                if len(found) == before:
                    plain.add(node.attrs)
        elif isinstance(node, Call):
            visit(node.sizes)
        elif isinstance(node, Repeat):
            for run in node.runs:
                visit(getattr(run.call, "sizes", ()))
    return tuple(found)
