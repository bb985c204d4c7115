"""Which modules and parameters the values of a graph are computed with, and what is drawn at random on the way."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import called
from fanin.ir.graph import (
    Apply,
    Call,
    Ensemble,
    Graph,
    Leaf,
    Node,
    Read,
    Repeat,
    StateRef,
    Value,
    every_node,
)


def hanging(graph: Graph) -> dict[int, frozenset[str]]:
    """For each value the paths of the modules and parameters that it hangs on, whether a gradient flows or not."""
    found: dict[int, frozenset[str]] = {}
    tied = dict(ties(graph))
    for node in graph.nodes:
        own = own_weights(node)
        own |= {tied[path] for path in own if path in tied}
        paths = own.union(*(found.get(o.index, frozenset()) for o in node.inputs if isinstance(o, Value)))
        found.update((v.index, paths) for v in node.outputs)
    return found


def ties(graph: Graph) -> Iterator[tuple[str, str]]:
    """Modules of a graph that have a parameter of another, with its path."""
    for child in graph.children:
        if isinstance(child.instance, Leaf):
            for weight in child.instance.weights:
                if weight.tied is not None:
                    yield child.path, _path(weight.tied)


def own_weights(node: Node) -> frozenset[str]:
    """The paths of the modules and parameters that a node runs with; its regions run with those of its graph."""
    found: set[str] = set()
    for inner in every_node([node]):
        match inner:
            case Apply(module=module) | Call(module=module) if module is not None:
                found.add(module.path)
            case Repeat(module=module) | Ensemble(module=module):
                found.add(module.path)
            case Read(state=state):
                found.add(_path(state))
        if isinstance(inner, Call):
            found.update(lent.path for lent in inner.lent)
    return frozenset(found)


def _path(state: StateRef) -> str:
    return state.name if state.module is None else f"{state.module.path}.{state.name}"


def random(node: Node) -> bool:
    """Whether a node draws random numbers when it runs in training."""
    todo, seen = [node], set[int]()
    while todo:
        for inner in every_node([todo.pop()]):
            if isinstance(inner, Apply):
                rates = (getattr(inner.attrs, name, 0.0) for name in ("dropout", "dropout_p"))
                if not inner.op.keeps or any(rates):
                    return True
                continue
            if isinstance(inner, Repeat) and any(
                isinstance(run.call, Apply) and not run.call.op.keeps for run in inner.runs
            ):
                return True
            for graph, _ in called(inner, (True,) * len(inner.outputs)):
                if id(graph) not in seen:
                    seen.add(id(graph))
                    todo += graph.nodes
    return False
