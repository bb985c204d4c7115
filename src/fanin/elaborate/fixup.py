"""``init=fixup``: laws that depend on how many residual branches there are, and how many layers are in each.

A block whose layers start by fixup is a branch. With L of them in the network and m layers in one, the last of these
starts at 0 and the others by He's law times L^(-1 / (2m - 2)). In the model itself, which is no branch, the last layer
(the classifier) starts at 0 and the others by He's law.
Source: Zhang, Dauphin and Ma 2019, "Fixup Initialization", section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fanin.ir.graph import Graph, Leaf, Row, Unit, Weight
from fanin.ir.laws import ZEROS, Fixup, Law, Scaled
from fanin.ir.rewrite import Rewrite


def settle_fixup(graph: Graph) -> Graph:
    """The graph with numbers in the place of every ``fixup``; itself where there is none."""
    if graph.kind == "system":  # each network of a system has its own depth
        networks = [(c, settle_fixup(c.instance.graph)) for c in graph.children if isinstance(c.instance, Unit)]
        changed = {id(c.instance.graph): new for c, new in networks if isinstance(c.instance, Unit)}
        return Rewrite(lambda home, path, made: made, changed).graph(graph)
    branches = _Branches()
    total = branches.count(graph)
    if not branches.layers:
        return graph

    def leaf(home: Graph, path: str, made: Leaf) -> Leaf:
        place = branches.places.get((home, path))
        if place is None:
            return made
        own, index = place
        layers = branches.layers[own]
        law: Law = ZEROS
        if index < layers - 1:
            gain = 1.0 if own.kind == "model" else max(total, 1) ** (-1 / (2 * layers - 2))
            law = Scaled("he", uniform=False, gain=gain)
        return replace(made, weights=tuple(_settled(w, law) for w in made.weights))

    return Rewrite(leaf).graph(graph)


def _settled(weight: Weight, law: Law) -> Weight:
    return replace(weight, law=law) if isinstance(weight.law, Fixup) else weight


class _Branches:
    """Where layers start by fixup: how many there are in each block, and which of them each is."""

    def __init__(self) -> None:
        self.layers: dict[Graph, int] = {}
        self.places: dict[tuple[Graph, str], tuple[Graph, int]] = {}
        self.totals: dict[Graph, int] = {}

    def count(self, graph: Graph) -> int:
        """How many branches an instance of a block is and has in it."""
        if graph not in self.totals:
            self.totals[graph] = 0
            total = 0
            sites = 0
            for home, path, made, times in _within(graph):
                if isinstance(made, Unit):
                    total += times * self.count(made.graph)
                elif any(isinstance(w.law, Fixup) for w in made.weights):
                    self.places[home, path] = (graph, sites)
                    sites += 1
            if sites:
                self.layers[graph] = sites
                total += graph.kind != "model"
            self.totals[graph] = total
        return self.totals[graph]


def _within(graph: Graph) -> Iterator[tuple[Graph, str, Leaf | Unit, int]]:
    """The layers of a block, those in its compositions and repetitions too, and the blocks in it; how often each."""
    stack: list[tuple[Graph, str, Leaf | Unit | Row, int]] = [
        (graph, c.path, c.instance, 1) for c in reversed(graph.children)
    ]
    while stack:
        home, path, made, times = stack.pop()
        if isinstance(made, Row):
            at = 0
            entries: list[tuple[Graph, str, Leaf | Unit | Row, int]] = []
            for count, part in made.parts:
                entries.append((home, f"{path}.{at}", part, times * count))
                at += count
            stack += entries[::-1]
        elif isinstance(made, Unit) and made.graph.kind == "composition":
            stack += [(made.graph, c.path, c.instance, times) for c in reversed(made.graph.children)]
        else:
            yield home, path, made, times
