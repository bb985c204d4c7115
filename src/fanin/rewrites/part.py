"""Parts of a program: what computes some of its values, with the inputs, modules and states that these need.

A part has the letters of the whole, and those of its conditions that speak of sizes which the part's own inputs tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fanin.analyses.hangs_on import own_weights, ties
from fanin.ir.conditions import change, symbols_in
from fanin.ir.dims import expand, symbols_of
from fanin.ir.graph import (
    Apply,
    Call,
    Ensemble,
    Graph,
    Node,
    Port,
    Program,
    Read,
    Repeat,
    Result,
    StateRef,
    Update,
    Value,
)
from fanin.ir.live import live_nodes
from fanin.ir.paths import meets
from fanin.ir.recipe import System
from fanin.ir.untold import untold_sizes


def part_of(program: Program, name: str, results: Sequence[Result]) -> Program:
    """The part called ``program_name`` that these results hang on."""
    graph = program.graph
    nodes = [node for node in graph.nodes if not isinstance(node, Update)]
    return _part(program, name, live_nodes(nodes, [r.value for r in results]), tuple(results), graph.ports)


def asked(system: System, name: str) -> Program | None:
    """What computes one name that a system binds: a value, a parameter, or a network on inputs as of its first use.

    None where the system binds no such name.
    """
    whole = replace(system.program, graph=system.graph)
    value = dict(system.values).get(name)
    if value is not None:
        return part_of(whole, name, [Result(name, value)])
    path = dict(system.weights).get(name)
    node = next((n for n in system.graph.nodes if path is not None and _path(n) == path), None)
    if node is None:
        return None
    given = list(dict.fromkeys(o for o in node.inputs if isinstance(o, Value)))
    inputs = _inputs(node)
    ports = tuple(Port(inputs[place], value, node.span) for place, value in enumerate(given))
    said = [r.name for r in node.graph.results] if isinstance(node, Call) else []
    results = tuple(Result(said[place] if said else "", v) for place, v in enumerate(node.outputs))
    return _part(whole, name, (node,), results, ports)


def names_of(system: System) -> list[str]:
    """All names that can be asked for."""
    used = {_path(node) for node in system.graph.nodes}
    return [*(name for name, path in system.weights if path in used), *(name for name, _ in system.values)]


def _part(
    program: Program, name: str, nodes: tuple[Node, ...], results: tuple[Result, ...], ports: tuple[Port, ...]
) -> Program:
    graph = program.graph
    used = {o.index for node in nodes for o in node.inputs if isinstance(o, Value)}
    used |= {r.value.index for r in results if isinstance(r.value, Value)}
    needed = [p for p in ports if p.value is not None and p.value.index in used]
    for size in untold_sizes(needed, nodes):  # a batch size that only another input tells
        needed += [p for p in graph.ports if p.value is not None and size * 1 in p.value.type.shape][:1]
    paths, setup = _needed(graph, nodes)
    called = f"{program.name}_{name.replace('.', '_')}"
    part = replace(
        graph,
        name=called,
        ports=tuple(dict.fromkeys(needed)),
        nodes=nodes,
        results=results,
        children=tuple(child for child in graph.children if any(meets(child.path, path) for path in paths)),
        states=tuple(state for state in graph.states if state.name in paths),
        setup=setup,
        promises=(),
        inverse=None,
        places=None,
        laws=(),
    )
    told = {
        s for p in part.ports if p.value is not None for d in p.value.type.shape for s in symbols_of(expand(d))
    } | set(part.sizes)
    conditions = [r for r in program.conditions if symbols_in(change(r.condition, expand)) <= told]
    return Program(called, part, tuple(conditions), program.facts)


def _needed(graph: Graph, nodes: tuple[Node, ...]) -> tuple[set[str], tuple[Node, ...]]:
    """The paths of the modules and states that nodes run with, and the nodes of the setup that these start with.

    What a weight is tied to is needed with it.
    """
    paths = {path for node in nodes for path in own_weights(node)}
    tied = list(ties(graph))
    while True:
        starts = [s.start for s in graph.states if s.name in paths and isinstance(s.start, Value)]
        setup = live_nodes(graph.setup, starts)
        more = {path for node in setup for path in own_weights(node)}
        more |= {other for path, other in tied if any(meets(path, known) for known in paths)}
        if more <= paths:
            return paths, setup
        paths |= more


def _path(node: Node) -> str | None:
    """The path of the module that a node runs, or of the parameter that it reads."""
    match node:
        case Apply(module=module) | Call(module=module) | Repeat(module=module) | Ensemble(module=module):
            return None if module is None else module.path
        case Read(state=StateRef(module=None, name=name)):
            return name
    return None


def _inputs(node: Node) -> list[str]:
    """What the inputs of a node are called, of those that are given; ``x``, ``x2`` where nothing has named them."""
    match node:
        case Call(graph=graph):
            names = [p.name for p in graph.ports if p.value is not None]
        case Apply(op=op):
            names = [port.name for port in op.inputs]
        case _:
            names = []
    given = [names[i] if i < len(names) else "x" if i == 0 else f"x{i + 1}" for i in range(len(node.inputs))]
    return [name for name, o in zip(given, node.inputs, strict=True) if isinstance(o, Value)]
