"""What each ``train`` line of a system does: which weights its loss moves, and which networks its gradient passes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod

from fanin.analyses.paths import parameters
from fanin.analyses.reach import NOTHING, Reach, Sources, gradient_path
from fanin.ir.graph import Graph, Node, Value
from fanin.ir.recipe import System, Train
from fanin.record import record


@record
class Effect:
    """A line, in the stage of that name (or ``""``), or an update by hand, whose ``loss`` and ``rule`` are empty.

    ``moved`` are the keys of the parameters that it moves, with ``weights`` numbers in all; ``through`` are the
    networks that the gradient passes on its way to them, and leaves as they are.
    """

    stage: str
    loss: str
    rule: str
    targets: tuple[str, ...]
    moved: tuple[str, ...]
    weights: int
    through: tuple[str, ...]


def effects(system: System) -> tuple[Effect, ...]:
    """Of the lines of a system, in the order of the text, and of what is updated by hand."""
    lines = [("", line) for line in system.trains]
    lines += [(stage.name, line) for stage in system.stages for line in stage.trains]
    sizes = {
        e.key: prod(s for s in e.type.shape if isinstance(s, int))
        for e in parameters(replace(system.program, graph=system.graph))
    }
    found = Reach().of(system.graph)
    out = [_effect(system, stage, line, sizes, found) for stage, line in lines]
    for update in system.updates():
        if update.state.module is None and update.state.name in sizes:
            name = update.state.name
            out.append(Effect("", "", "", (name,), (name,), sizes[name], ()))
    return tuple(out)


def _effect(system: System, stage: str, line: Train, sizes: dict[str, int], found: dict[int, Sources]) -> Effect:
    loss = next(m.value for m in system.measures if m.name == line.loss)
    reached = {s for s in found.get(loss.index, NOTHING) if isinstance(s, str)}
    moved = tuple(
        key
        for key in sizes
        if any(t.covers(key) for t in line.targets) and any(key == r or key.startswith(f"{r}.") for r in reached)
    )
    through: dict[str, None] = {}
    for node in gradient_path(system.graph, loss):
        name = network_of(system.graph, node)
        if name is None or _below(name, moved) or not _below(name, sizes):
            continue
        before = {s for o in node.inputs if isinstance(o, Value) for s in found.get(o.index, NOTHING)}
        if any(key == s or key.startswith(f"{s}.") for key in moved for s in before if isinstance(s, str)):
            through[name] = None
    parts = [line.rule.span.text if "(" in line.rule.span.text else line.rule.name]
    if line.every != 1:
        parts.append(f"every({line.every})")
    targets = tuple(t.path for t in line.targets)
    return Effect(
        stage, line.loss, ", ".join(parts), targets, moved, sum(sizes[key] for key in moved), tuple(reversed(through))
    )


def _below(name: str, keys: Iterable[str]) -> bool:
    return any(key.startswith(f"{name}.") for key in keys)


def network_of(graph: Graph, node: Node) -> str | None:
    """The child of the graph that a node runs."""
    module = getattr(node, "module", None)
    if module is None or module.borrowed:
        return None
    paths = [c.path for c in graph.children if module.path == c.path or module.path.startswith(f"{c.path}.")]
    return paths[0] if paths else None
