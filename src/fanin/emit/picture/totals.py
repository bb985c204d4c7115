"""Parameters and FLOPs of graphs, each counted once, in the letters of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from fanin.ir.dims import Dim, Poly, Symbol, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Leaf,
    Node,
    Operand,
    Repeat,
    Row,
    Scan,
    Unit,
    Value,
)
from fanin.ir.types import TensorType

Letters = Mapping[Symbol, Dim]


class Totals:
    """Totals of the graphs of one program. What cannot be told is None."""

    def __init__(self) -> None:
        self._params: dict[int, int] = {}
        self._flops: dict[int, Dim | None] = {}
        self._leaves: dict[int, dict[str, Leaf]] = {}

    # -- parameters

    def params(self, graph: Graph) -> int:
        """Parameters that live in an instance of a graph; tied ones count where they are tied to."""
        known = self._params.get(id(graph))
        if known is None:
            own = sum(_size(s.type.shape) for s in graph.states if s.kind == "param")
            known = self._params[id(graph)] = own + sum(self.instance(c.instance) for c in graph.children)
        return known

    def instance(self, instance: Leaf | Unit | Row) -> int:
        if isinstance(instance, Leaf):
            return leaf_params(instance)
        if isinstance(instance, Unit):
            return self.params(instance.graph)
        return sum(n * self.instance(part) for n, part in instance.parts)

    def leaf(self, graph: Graph, path: str) -> Leaf | None:
        """The instance of PyTorch's own at a path of a graph, in a repetition too."""
        leaves = self._leaves.get(id(graph))
        if leaves is None:
            leaves = self._leaves[id(graph)] = dict(_leaves(graph.children))
        return leaves.get(path)

    # -- cost

    def flops(self, graph: Graph) -> Dim | None:
        """FLOPs of one forward pass, in the graph's own letters."""
        if id(graph) not in self._flops:
            total: Dim | None = 0
            for node in graph.nodes:
                cost = self.cost(node)
                total = None if total is None or cost is None else total + cost
            self._flops[id(graph)] = total
        return self._flops[id(graph)]

    def cost(self, node: Node) -> Dim | None:
        """FLOPs of a node, in the letters of the graph around it."""
        match node:
            case Apply():
                return _op_cost(node)
            case Call():
                return self._inside(node.graph, node.inputs, node.sizes)
            case Repeat():
                total: Dim | None = 0
                for run in node.runs:
                    cost = self.cost(run.call)
                    total = None if total is None or cost is None else total + run.count * cost
                return total
            case Scan():
                cost = self._inside(node.graph, _step(node))
                length = _length(node)
                return None if cost is None or length is None else cost * length
            case Iterate():
                cost = self._inside(node.graph, node.inputs)
                return None if cost is None else cost * node.limit
            case Ensemble():
                cost = self._inside(node.graph, node.inputs)
                return None if cost is None else cost * node.count
            case Choice():
                return self._inside(node.evaluation, node.inputs)
        return 0

    def _inside(self, graph: Graph, inputs: tuple[Operand | None, ...], sizes: tuple[Dim, ...] = ()) -> Dim | None:
        cost = self.flops(graph)
        return None if cost is None else substitute(cost, letters(graph, inputs, sizes))


def letters(
    graph: Graph, inputs: tuple[Operand | TensorType | None, ...], sizes: tuple[Dim, ...] = ()
) -> dict[Symbol, Dim]:
    """What the letters of a graph stand for where it is used on these inputs."""
    found: dict[Symbol, Dim] = dict(zip(graph.sizes, sizes, strict=False))
    given = (port.value for port in graph.ports if port.value is not None)
    for value, operand in zip(given, inputs, strict=False):
        outer = operand if isinstance(operand, TensorType) else getattr(operand, "type", None)
        if outer is None:
            continue
        for inner, size in zip(value.type.shape, outer.shape, strict=False):
            symbol = lone(inner)
            if symbol is not None:
                found.setdefault(symbol, size)
    return found


def lone(size: Dim) -> Symbol | None:
    """The symbol that a dimension is, if it is one alone."""
    if not isinstance(size, Poly) or len(size.terms) != 1:
        return None
    ((monomial, factor),) = size.terms.items()
    if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
        return monomial[0]
    return None


def leaf_params(leaf: Leaf) -> int:
    return sum(_size(w.spec.shape) for w in leaf.weights if w.spec.kind == "param" and w.tied is None)


def _size(shape: tuple[Any, ...]) -> int:
    size = prod(shape)
    return size if isinstance(size, int) else 0


def _leaves(children: tuple[Child, ...]) -> list[tuple[str, Leaf]]:
    found: list[tuple[str, Leaf]] = []
    waiting: list[tuple[str, Leaf | Unit | Row]] = [(c.path, c.instance) for c in children]
    while waiting:
        path, instance = waiting.pop()
        if isinstance(instance, Leaf):
            found.append((path, instance))
        elif isinstance(instance, Row):
            at = 0
            for count, part in instance.parts:
                if isinstance(part, Leaf):
                    found.extend((f"{path}.{at + i}", part) for i in range(count))
                else:
                    waiting.append((f"{path}.{at}", part))
                at += count
    return found


def _op_cost(node: Apply) -> Dim | None:
    types = [None if operand is None else operand.type for operand in node.inputs]
    try:
        cost = node.op.flops(node.attrs, *types)  # type: ignore[arg-type]
    except (TypeError, ValueError, AttributeError, IndexError):
        return None  # a rule that does not know of inputs left out
    return cost if isinstance(cost, (int, Poly)) else None


def _step(node: Scan) -> tuple[TensorType | Any, ...]:
    """The types of the inputs at one step: sequences without their axis."""
    found: list[Any] = []
    for i, operand in enumerate(node.inputs):
        if i in node.sequences and isinstance(operand, Value):
            shape = list(operand.type.shape)
            del shape[node.axis]
            found.append(operand.type.with_shape(*shape))
        else:
            found.append(operand)
    return tuple(found)


def _length(node: Scan) -> Dim | None:
    for i in node.sequences:
        operand = node.inputs[i]
        if isinstance(operand, Value):
            return operand.type.shape[node.axis]
    return None
