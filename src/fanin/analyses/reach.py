"""Which weights the gradient of a value reaches: backwards through a graph, and through the graphs that it calls.

A gradient flows through float and complex numbers alone, and not through ops that give none back (``stop_gradient``,
``floor``). Weights are named by the path of the leaf or the parameter that holds them; frozen ones are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Graph,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Read,
    Repeat,
    Row,
    Unit,
    Value,
    every_node,
    regions,
)
from fanin.ir.types import DType

Source: TypeAlias = "str | int"  # the path of a leaf or parameter, or the number of an input of the graph
Sources: TypeAlias = "frozenset[Source]"

NOTHING: Sources = frozenset()


class Reach:
    """Sources of values, found once for each graph."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Graph, dict[int, Sources]]] = {}

    def of(self, graph: Graph) -> dict[int, Sources]:
        """For each value of a graph, by its index: what its gradient reaches."""
        if id(graph) not in self._known:
            self._known[id(graph)] = (graph, self._find(graph))
        return self._known[id(graph)][1]

    def results(self, graph: Graph) -> list[Sources]:
        """The same for its results."""
        found = self.of(graph)
        return [found.get(r.value.index, NOTHING) if isinstance(r.value, Value) else NOTHING for r in graph.results]

    def _find(self, graph: Graph) -> dict[int, Sources]:
        found: dict[int, Sources] = {}
        given = [p for p in graph.ports if p.value is not None]
        for number, port in enumerate(given):
            if port.value is not None and flows(port.value):
                found[port.value.index] = frozenset([number])
        learned = {c.path: c for c in graph.children}
        states = {s.name for s in graph.states if s.kind == "param" and s.frozen is not True}
        for node in graph.nodes:
            for value, sources in zip(node.outputs, self._through(node, found, learned, states), strict=False):
                if flows(value):
                    found[value.index] = sources
        return found

    def _through(
        self, node: Node, found: dict[int, Sources], children: dict[str, Child], states: set[str]
    ) -> Iterator[Sources]:
        """What the gradient of each of a node's outputs reaches."""
        inputs = [found.get(o.index, NOTHING) if isinstance(o, Value) else NOTHING for o in node.inputs]
        if isinstance(node, Apply):
            if not node.op.differentiable:
                yield from (NOTHING for _ in node.outputs)
                return
            own = NOTHING if node.module is None else _weights(children, node.module)
            yield from ((own.union(*inputs)) for _ in node.outputs)
        elif isinstance(node, Read):
            ref = node.state
            if ref.module is None:
                yield frozenset([ref.name]) if ref.name in states else NOTHING
            else:
                yield _weights(children, ref.module)
        elif regions(node):  # their modules and parameters are this graph's
            own = NOTHING.union(*(self._own(part, children, states) for part in every_node([node])))
            yield from (own.union(*inputs) for _ in node.outputs)
        else:
            graphs = list(called(node))
            module: ModuleRef | None = getattr(node, "module", None)
            if len(graphs) == 1 and not isinstance(node, Repeat) and len(graphs[0].results) >= len(node.outputs):
                for sources in self.results(graphs[0]):
                    yield self._outside(sources, inputs, module)
            else:
                own = NOTHING if module is None else _weights(children, module)
                whole = own.union(*inputs)
                yield from (whole for _ in node.outputs)

    @staticmethod
    def _own(node: Node, children: dict[str, Child], states: set[str]) -> Sources:
        """The weights that a node uses itself."""
        module: ModuleRef | None = getattr(node, "module", None)
        if isinstance(node, Read):
            module = node.state.module
            if module is None:
                return frozenset([node.state.name]) if node.state.name in states else NOTHING
        return NOTHING if module is None else _weights(children, module)

    @staticmethod
    def _outside(sources: Sources, inputs: list[Sources], module: ModuleRef | None) -> Sources:
        """Sources of a graph as the graph around sees them."""
        out: set[Source] = set()
        for source in sources:
            if isinstance(source, int):
                out |= inputs[source] if source < len(inputs) else NOTHING
            elif module is not None and not module.borrowed:
                out.add(f"{module.path}.{source}")
        return frozenset(out)


def called(node: Node) -> Iterator[Graph]:
    """The graphs that a node runs."""
    if isinstance(node, Call):
        yield node.graph
    if isinstance(node, Repeat):
        for run in node.runs:
            yield from called(run.call)


def flows(value: Operand) -> bool:
    """Whether a gradient can flow through a value."""
    return value.type.dtype in (DType.FLOAT, DType.COMPLEX)


def _weights(children: dict[str, Child], ref: ModuleRef) -> Sources:
    """The weights of a module, wherever it lies below a child."""
    if ref.borrowed:
        return NOTHING
    child = children.get(ref.path)
    if child is not None:
        return frozenset(leaves(child.instance, ref.path))
    for path, holder in children.items():
        if ref.path.startswith(f"{path}."):
            return frozenset(p for p in leaves(holder.instance, path) if p == ref.path or p.startswith(f"{ref.path}."))
    return frozenset(
        p for path, c in children.items() if path.startswith(f"{ref.path}.") for p in leaves(c.instance, path)
    )


def leaves(instance: Any, path: str) -> Iterator[str]:
    """The paths of what holds weights that can be learned."""
    work: list[tuple[Any, str]] = [(instance, path)]
    while work:
        part, at = work.pop()
        if isinstance(part, Leaf):
            if part.frozen is not True and any(w.spec.kind == "param" for w in part.weights):
                yield at
        elif isinstance(part, Unit):
            yield from (f"{at}.{s.name}" for s in part.graph.states if s.kind == "param" and s.frozen is not True)
            work += [(c.instance, f"{at}.{c.path}") for c in part.graph.children]
        elif isinstance(part, Row):
            index = 0
            for count, like in part.parts:
                work += [(like, f"{at}.{i}") for i in range(index, index + count)]
                index += count


def gradient_path(graph: Graph, start: Value) -> tuple[Node, ...]:
    """The nodes that the gradient of a value goes through, the last first."""
    live = {start.index}
    passed = []
    for node in reversed(graph.nodes):
        if not any(v.index in live and flows(v) for v in node.outputs):
            continue
        if isinstance(node, Apply) and node.op.name == "stop_gradient":
            continue
        passed.append(node)
        live.update(o.index for o in node.inputs if isinstance(o, Value) and flows(o))
    return tuple(passed)
