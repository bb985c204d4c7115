"""A network up to one of its values, with the weights that it has there."""

from __future__ import annotations

import torch
from torch import nn

from fanin.diagnostics.suggest import did_you_mean
from fanin.emit.torch.writer import emit_source
from fanin.ir.graph import Apply, Call, Ensemble, Graph, Program, Repeat, Result, Value
from fanin.rewrites.part import part_of
from fanin.runtime.load import build


def cut(program: Program, at: str, net: nn.Module | None = None) -> nn.Module:
    """The network whose result is the value ``at``, frozen and in evaluation, with copies of the weights of ``net``.

    ``at`` is a name that the body of the model binds, or the path of a module of it, whose last result is meant.
    What the value does not hang on is left out. Raises ValueError where there is no such value.
    """
    part = until(program, at)
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


def until(program: Program, at: str) -> Program:
    """The part of a program that a value of its body hangs on. Raises ValueError where there is no such value."""
    graph = program.graph
    value = _values(graph).get(at)
    if value is None:
        raise ValueError(f"{program.name} binds no value `{at}`{did_you_mean(at, list(_values(graph)))}")
    return part_of(program, at, [Result("", value)])


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
