"""A network up to one of its values, with the weights that it has there."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from fanin.diagnostics.suggest import did_you_mean
from fanin.elaborate.graphs import untold_sizes
from fanin.emit.torch.writer import emit_source
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Ensemble,
    Graph,
    Leaf,
    ModuleRef,
    Node,
    Program,
    Read,
    Repeat,
    Result,
    Row,
    Unit,
    Value,
    every_node,
)
from fanin.ir.live import live_nodes
from fanin.runtime.load import build


def cut(program: Program, at: str, net: nn.Module | None = None) -> nn.Module:
    """The network whose result is the value ``at``, frozen and in evaluation, with copies of the weights of ``net``.

    ``at`` is a name that the body of the model binds, or the path of a module of it, whose last result is meant.
    What the value does not hang on is left out. Raises ValueError where there is no such value.
    """
    part = part_of(program, at)
    made = build(part, emit_source(part))
    if net is not None:
        carry(net, made)
    return made.eval().requires_grad_(False)


def carry(net: nn.Module, to: nn.Module) -> list[str]:
    """Copy every weight of ``net`` whose path and shape ``to`` has too; the paths that were copied."""
    tensors = net.state_dict()
    own = to.state_dict()
    found = [name for name, tensor in own.items() if name in tensors and tensors[name].shape == tensor.shape]
    with torch.no_grad():
        for name in found:
            own[name].copy_(tensors[name])
    return found


def part_of(program: Program, at: str) -> Program:
    """The part of a program that a value of its body hangs on. Raises ValueError where there is no such value."""
    graph = program.graph
    value = _values(graph).get(at)
    if value is None:
        raise ValueError(f"{program.name} binds no value `{at}`{did_you_mean(at, list(_values(graph)))}")
    nodes = live_nodes(graph.nodes, [value])
    used = {operand.index for node in nodes for operand in node.inputs if isinstance(operand, Value)} | {value.index}
    inputs = [port for port in graph.ports if port.value is not None]
    ports = [port for port in inputs if port.value is not None and port.value.index in used]
    for size in untold_sizes(ports, nodes):  # a batch size that only another input tells
        ports += [port for port in inputs if port.value is not None and size * 1 in port.value.type.shape][:1]
    ports = list(dict.fromkeys(ports))
    paths, states = _used(nodes)
    children = tuple(child for child in graph.children if any(_touches(child.path, path) for path in paths))
    for child in children:  # what a weight is tied to is needed with it
        paths |= set(_ties(child))
    children = tuple(child for child in graph.children if any(_touches(child.path, path) for path in paths))
    called = f"{program.name}_{at.replace('.', '_')}"
    part = replace(
        graph,
        name=called,
        ports=tuple(ports),
        nodes=nodes,
        results=(Result("", value),),
        children=children,
        states=tuple(state for state in graph.states if state.name in states),
        promises=(),
        inverse=None,
        places=None,
        laws=(),
    )
    return Program(called, part, program.conditions, program.facts)


def _values(graph: Graph) -> dict[str, Value]:
    """The values that can be asked for, by name; of a name bound twice, the last."""
    found: dict[str, Value] = {}
    for node in graph.nodes:
        module = node.module if isinstance(node, Apply | Call | Repeat | Ensemble) else None
        if module is not None and not module.borrowed and len(node.outputs) == 1:
            found[module.path] = node.outputs[0]
    named = {value.index: value for value in graph.values()}
    found |= {name: named[index] for index, name in graph.names.items() if index in named}
    return found


def _used(nodes: tuple[Node, ...]) -> tuple[set[str], set[str]]:
    """The paths of the modules that nodes use, and the names of the states that they read."""
    paths: set[str] = set()
    states: set[str] = set()

    def note(module: ModuleRef | None) -> None:
        if module is not None and not module.borrowed:
            paths.add(module.path)

    for node in every_node(nodes):
        if isinstance(node, Apply | Call | Repeat | Ensemble):
            note(node.module)
        if isinstance(node, Call):
            for module in node.lent:
                note(module)
        if isinstance(node, Read):
            note(node.state.module)
            if node.state.module is None:
                states.add(node.state.name)
    return paths, states


def _ties(child: Child) -> list[str]:
    """The paths of the modules of this graph that weights of a child are tied to."""
    instance: Leaf | Unit | Row = child.instance
    if not isinstance(instance, Leaf):
        return []
    return [w.tied.module.path for w in instance.weights if w.tied is not None and w.tied.module is not None]


def _touches(one: str, other: str) -> bool:
    """Whether a path is another, or above or below it."""
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")
