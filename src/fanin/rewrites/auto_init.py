"""``@init(auto)``: each layer's scale such that what it gives has a second moment of 1.

The network is gone along once, layer by layer, with what is known of what comes in: behind an activation, a pooling,
zero padding or a sum a layer gets the variance that its place needs. It is LSUV (Mishkin and Matas 2016) without data
and without draws. A block that stands several times has one law, the mean over its places. Where nothing is known of
what comes in, LeCun's law stands in.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from fanin.ir.graph import Graph, Leaf, Program, Row, Unit
from fanin.ir.laws import Auto, Law, Normal, Scaled
from fanin.ir.live import live_nodes
from fanin.ir.recipe import System
from fanin.ir.rewrite import Rewrite


def settle_auto(program: Program) -> Program:
    """The program with numbers in the place of every ``auto``; itself where there is none."""
    if not _asked(program.graph, set()):
        return program
    from fanin.signal.scales import needed_scales  # with NumPy, where it is asked for
    from fanin.signal.sizes import sizes_for

    sizes = sizes_for(program)
    scales = needed_scales(program, sizes) if sizes is not None else {}

    def leaf(home: Graph, path: str, made: Leaf) -> Leaf:
        if not any(isinstance(w.law, Auto) for w in made.weights):
            return made
        found = scales.get((home, path))
        law: Law = Scaled("lecun", uniform=False) if found is None else Normal(0.0, float(f"{sqrt(found):.6g}"))
        return replace(made, weights=tuple(replace(w, law=law) if isinstance(w.law, Auto) else w for w in made.weights))

    return replace(program, graph=Rewrite(leaf).graph(program.graph))


def settle_system(system: System) -> System:
    """The same for a system, whose whole graph is gone along: also what is trained, and not reported."""
    whole = settle_auto(replace(system.program, graph=system.graph)).graph
    if whole is system.graph:
        return system
    results = system.program.graph.results
    nodes = live_nodes(whole.nodes, [r.value for r in results])
    return replace(
        system, graph=whole, program=replace(system.program, graph=replace(whole, nodes=nodes, results=results))
    )


def _asked(graph: Graph, seen: set[Graph]) -> bool:
    """Whether some layer starts by ``auto``."""
    if graph in seen:
        return False
    seen.add(graph)
    todo = [child.instance for child in graph.children]
    while todo:
        made = todo.pop()
        if isinstance(made, Row):
            todo += [part for _, part in made.parts]
        elif isinstance(made, Unit):
            if any(_asked(g, seen) for g in made.graphs):
                return True
        elif any(isinstance(w.law, Auto) for w in made.weights):
            return True
    return False
