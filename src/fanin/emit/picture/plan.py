"""What is drawn of a graph, whatever its place: folds, chains of ops as one node, and how many nodes that makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from fanin.emit.picture.chains import MOST_ROWS, starts
from fanin.emit.picture.folding import Entry, Fold, fold
from fanin.emit.picture.labels import is_join
from fanin.ir.graph import Apply, Call, Choice, Ensemble, Graph, Iterate, Node, Repeat, Scan, Value
from fanin.record import record


@record
class Layers:
    """A chain of ops that nothing else reads from: one node of several rows."""

    nodes: tuple[Apply, ...]


@record
class Rolled:
    """A fold with its body planned."""

    fold: Fold
    body: tuple[Planned, ...]


Planned: TypeAlias = Layers | Rolled | Node


class Plans:
    """The plans of the graphs of one program, each made once."""

    def __init__(self) -> None:
        self._plans: dict[int, tuple[Planned, ...]] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def of(self, graph: Graph) -> tuple[Planned, ...]:
        found = self._plans.get(id(graph))
        if found is None:
            found = self._plans[id(graph)] = _planned(fold(graph), _readers(graph))
        return found

    def unrolled(self, graph: Graph, fold: Fold) -> list[tuple[Planned, ...]]:
        """The turns of a fold, each planned by itself."""
        readers = _readers(graph)
        return [_planned(turn, readers) for turn in fold.turns]

    def count(self, graph: Graph, depth: int) -> int:
        """How many nodes are drawn of a graph whose calls are opened to that depth."""
        key = id(graph), depth
        if key not in self._counts:
            self._counts[key] = sum(self._size(item, depth) for item in self.of(graph))
        return self._counts[key]

    def opens_below(self, graph: Graph, depth: int) -> bool:
        """Whether anything is still closed at that depth."""
        waiting = [graph]
        for _ in range(depth + 1):
            waiting = list({id(g): g for outer in waiting for n in outer.nodes for g in inner_graphs(n)}.values())
        return bool(waiting)

    def _size(self, item: Planned, depth: int) -> int:
        if isinstance(item, Rolled):
            return sum(self._size(inner, depth) for inner in item.body)
        if isinstance(item, Layers) or depth == 0:
            return 1
        if isinstance(item, Repeat):
            return sum(self.count(r.call.graph, depth - 1) if isinstance(r.call, Call) else 1 for r in item.runs)
        return sum(self.count(graph, depth - 1) for graph in inner_graphs(item)) or 1


def inner_graphs(node: Node) -> tuple[Graph, ...]:
    """The graphs that a node runs, in the order in which they are shown."""
    match node:
        case Call() | Scan() | Iterate() | Ensemble():
            return (node.graph,)
        case Repeat():
            return tuple(run.call.graph for run in node.runs if isinstance(run.call, Call))
        case Choice():
            return (node.training, node.evaluation)
    return ()


def trivial(node: Node, plans: Plans) -> bool:
    """Whether a part is a composition or function that makes a single node: it is open whatever the depth."""
    if not isinstance(node, Call) or node.graph.kind not in ("composition", "fn"):
        return False
    plan = plans.of(node.graph)
    return len(plan) == 1 and isinstance(plan[0], Layers)


def _readers(graph: Graph) -> dict[int, int]:
    """How many nodes and results read each value."""
    found: dict[int, int] = {}
    for node in graph.nodes:
        for index in {operand.index for operand in node.inputs if isinstance(operand, Value)}:
            found[index] = found.get(index, 0) + 1
    for result in graph.results:
        if isinstance(result.value, Value):
            found[result.value.index] = found.get(result.value.index, 0) + 1
    return found


def _planned(entries: Iterable[Entry], readers: dict[int, int]) -> tuple[Planned, ...]:
    items: list[Planned | list[Apply]] = []
    open_chains: dict[int, list[Apply]] = {}  # by the value that comes out of their end
    for entry in entries:
        if isinstance(entry, Fold):
            items.append(Rolled(entry, _planned(entry.body, readers)))
        elif not isinstance(entry, Apply):
            items.append(entry)
        else:
            taken = [operand for operand in entry.inputs if isinstance(operand, Value)]
            chain = open_chains.pop(taken[0].index, None) if len(taken) == 1 else None
            if chain is None or len(chain) == MOST_ROWS or readers[taken[0].index] != 1 or starts(entry):
                chain = []
                items.append(chain)
            chain.append(entry)
            if len(entry.outputs) == 1 and not is_join(entry):
                open_chains[entry.outputs[0].index] = chain
    return tuple(Layers(tuple(item)) if isinstance(item, list) else item for item in items)
