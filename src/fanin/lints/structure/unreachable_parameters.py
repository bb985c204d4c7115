"""STR621: a parameter that no gradient can reach.

Between it and every result stands an op that passes no gradient: ``stop_gradient``, a comparison, the place of a
maximum. It stays as it was drawn, whatever the loss. Frozen ones are meant to, and a network of which nothing can learn
is let pass: a fixed map. So is what a straight-through estimator goes around, since then a path is left. Networks with
recurrences, loops or ensembles are not looked at: what happens in those is not told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reach import Reach, flows, leaves
from fanin.analyses.reading import reached
from fanin.diagnostics.codes import STR621
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply, Program, Value, regions


def check(program: Program) -> Iterator[Diagnostic]:
    graphs = reached(program.graph)
    if not any(_stops(node) for graph in graphs for node in graph.nodes if isinstance(node, Apply)):
        return
    if any(regions(node) for graph in graphs for node in graph.nodes):
        return
    graph = program.graph
    arrived: set[object] = set().union(*Reach().results(graph))
    if not any(isinstance(source, str) for source in arrived):
        return
    for child in graph.children:
        missing = [path for path in leaves(child.instance, child.path) if path not in arrived]
        if missing:
            what = f"`{missing[0]}`" if len(missing) == 1 else f"`{missing[0]}` and {len(missing) - 1} more"
            yield Diagnostic(
                STR621,
                f"no gradient reaches {what}: it stays as it was drawn",
                child.span,
                "cannot learn",
                helps=("write `frozen=true` if that is meant, or take away what stops the gradient",),
            )


def _stops(node: Apply) -> bool:
    """Whether floats go in, and no gradient comes back."""
    if node.op.name == "stop_gradient":
        return True
    into = any(isinstance(o, Value) and flows(o) for o in node.inputs)
    return into and not any(flows(value) for value in node.outputs)
