"""Which nodes of a graph run: a result that nobody reads is not computed, nor is what only it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fanin.ir.dims import Dim, Poly, Symbol
from fanin.ir.graph import (
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Node,
    Operand,
    Repeat,
    Row,
    Scan,
    Unit,
    Update,
    Value,
    acts,
)
from fanin.ir.types import TensorType

Mask: TypeAlias = tuple[bool, ...]
"""Which results of a graph, or outputs of a node, somebody reads."""


def all_of(graph: Graph) -> Mask:
    return (True,) * len(graph.results)


def running(graph: Graph, mask: Mask) -> list[tuple[Node, Mask]]:
    """The nodes that run where these results are read, in order, each with the outputs of it that are read."""
    wanted = [r.value for r, read in zip(graph.results, mask, strict=True) if read]
    read = {value.index for value in wanted if isinstance(value, Value)}
    found: list[tuple[Node, Mask]] = []
    for node in reversed(graph.nodes):
        outputs = tuple(v.index in read for v in node.outputs)
        if acts(node) or any(outputs):
            found.append((node, outputs))
            read.update(v.index for v in node.inputs if isinstance(v, Value))
    found.reverse()
    return found


def called(node: Node, outputs: Mask) -> list[tuple[Graph, Mask]]:
    """The graphs that a node runs, and which of their results are read."""
    match node:
        case Call():
            return [(node.graph, outputs)]
        case Repeat():
            return [(run.call.graph, all_of(run.call.graph)) for run in node.runs if isinstance(run.call, Call)]
        case Scan() | Iterate() | Ensemble() | Update():
            return [(node.graph, all_of(node.graph))]
        case Choice():
            return [(graph, all_of(graph)) for graph in (node.training, node.evaluation)]
        case _:
            return []


def reached(*roots: Graph) -> list[Graph]:
    """Every distinct graph that these use or hold an instance of, the inner ones before those that use them.

    Turned round, the order is that of the text.
    """
    done: dict[Graph, bool] = {}
    stack = list(roots)
    found: list[Graph] = []
    while stack:
        graph = stack[-1]
        if graph in done:
            stack.pop()
            if not done[graph]:
                done[graph] = True
                found.append(graph)
            continue
        done[graph] = False
        stack += [g for g in _neighbours(graph) if g not in done]
    return found


def _neighbours(graph: Graph) -> list[Graph]:
    found: dict[Graph, None] = {}
    for child in graph.children:
        todo = [child.instance]
        while todo:
            made = todo.pop()
            if isinstance(made, Unit):
                found.update(dict.fromkeys(made.graphs))
            elif isinstance(made, Row):
                todo.extend(part for _, part in reversed(made.parts))
    for node in (*graph.nodes, *graph.setup):
        found.update((g, None) for g, _ in called(node, ()))
    if graph.inverse is not None:
        found[graph.inverse] = None
    return list(found)


def types_of(operands: Iterable[Operand | None]) -> list[TensorType | None]:
    return [None if operand is None else operand.type for operand in operands]


def letters(graph: Graph, types: Sequence[TensorType | None], sizes: Sequence[Dim]) -> dict[Symbol, Dim]:
    """What the open dimensions of a graph are for a use of it: its inputs' axes, and the sizes that it is told."""
    ports = [port.value.type for port in graph.ports if port.value is not None]
    found: dict[Symbol, Dim] = {}
    for port, actual in zip(ports, types, strict=True):
        if actual is not None:
            for own, outer in zip(port.shape, actual.shape, strict=True):
                symbol = alone(own)
                if symbol is not None:
                    found.setdefault(symbol, outer)
    found.update(zip(graph.sizes, sizes, strict=True))
    return found


def alone(d: Dim) -> Symbol | None:
    """The symbol that a dimension is, if it is nothing more."""
    if isinstance(d, Poly) and len(d.terms) == 1:
        ((monomial, factor),) = d.terms.items()
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None
