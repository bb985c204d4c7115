"""A graph made again with some of its modules changed: what uses a changed graph is made again too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Leaf,
    Node,
    Repeat,
    Row,
    Run,
    Scan,
    Unit,
    Update,
)


class Rewrite:
    """``leaf(graph, path, leaf)`` gives the leaf that is to stand at a path of a graph; ``made``, by the ids of graphs,
    what some are known to become."""

    def __init__(self, leaf: Callable[[Graph, str, Leaf], Leaf], made: dict[int, Graph] | None = None) -> None:
        self._leaf = leaf
        self._made: dict[int, Graph] = dict(made or {})
        self._kept: list[Graph] = []  # so that no id is given twice

    def graph(self, graph: Graph) -> Graph:
        """The graph itself where nothing in it changes."""
        known = self._made.get(id(graph))
        if known is None:
            children = tuple(replace(c, instance=self._instance(graph, c.path, c.instance)) for c in graph.children)
            nodes = tuple(map(self._node, graph.nodes))
            inverse = None if graph.inverse is None else self.graph(graph.inverse)
            known = graph
            if children != graph.children or inverse is not graph.inverse or _differ(nodes, graph.nodes):
                known = replace(graph, children=children, nodes=nodes, inverse=inverse)
            self._made[id(graph)] = self._made[id(known)] = known
            self._kept.append(graph)
        return known

    def _instance(self, graph: Graph, path: str, made: Leaf | Unit | Row) -> Leaf | Unit | Row:
        if isinstance(made, Leaf):
            return self._leaf(graph, path, made)
        if isinstance(made, Unit):
            return replace(made, graphs=tuple(map(self.graph, made.graphs)))
        parts: list[tuple[int, Leaf | Unit | Row]] = []
        at = 0
        for count, part in made.parts:
            parts.append((count, self._instance(graph, f"{path}.{at}", part)))
            at += count
        return Row(tuple(parts))

    def _node(self, node: Node) -> Node:
        match node:
            case Call():
                return self._call(node)
            case Repeat():
                return replace(node, runs=tuple(Run(run.count, self._call(run.call)) for run in node.runs))
            case Scan() | Iterate() | Ensemble() | Update():
                return replace(node, graph=self.graph(node.graph))
            case Choice():
                return replace(node, training=self.graph(node.training), evaluation=self.graph(node.evaluation))
            case _:
                return node

    def _call(self, use: Call | Apply) -> Call | Apply:
        return replace(use, graph=self.graph(use.graph)) if isinstance(use, Call) else use


def _differ(nodes: tuple[Node, ...], before: tuple[Node, ...]) -> bool:
    return any(a != b for a, b in zip(nodes, before, strict=True))
