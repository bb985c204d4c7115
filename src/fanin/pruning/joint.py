"""The joint graph of a step: the losses of all replicas and their gradients as one list of calls of ATen.

A program that is run with autograd spends a good part of a small step on that, and keeps what it computes on the way
until the way back is at its end. Once a program has been run often enough, it and its way back are written down by
``make_fx``, tried against it on the numbers of a step, and run as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from fanin.pruning.stacking import Program, Value
from fanin.pruning.tracing import Given
from fanin.pruning.trials import same_bits

Outcome = tuple[dict[str, Tensor], list[Tensor | None]]
"""What a program gives, and the gradients of one of that in some states: one for each tensor of each."""


class Joint:
    """A program and its way back. Its states are of the same form at each call, and so is the batch."""

    def __init__(self, program: Program, generators: list[torch.Generator], loss: str, moved: Sequence[str]) -> None:
        """``loss`` is what gradients are taken of, ``moved`` are the keys of the states they are taken in."""
        self.program, self.generators, self.loss, self.moved = program, generators, loss, tuple(moved)
        self.keys = tuple(program.tape.states.values())
        self.names: tuple[str, ...] = ()
        self.graph: Any = None

    def __call__(self, states: Mapping[str, Value], batch: Sequence[Tensor]) -> Outcome:
        with torch.no_grad():
            found = self.graph.forward(*_flat(states, self.keys), *batch)
        width = len(self.names)
        return dict(zip(self.names, found[:width], strict=True)), found[width:]

    def written(self, states: Mapping[str, Value], batch: Sequence[Tensor]) -> bool:
        """Write the graph down, from a step like this. Whether it then gives the bits of the program, and leaves
        buffers as that does."""
        sizes = [len(v) if not isinstance(v := states[key], Tensor) else 0 for key in self.keys]
        given = [tensor.detach() for tensor in (*_flat(states, self.keys), *batch)]

        def step(*tensors: Tensor) -> list[Tensor | None]:
            left = iter(tensors)
            own: dict[str, Value] = {
                key: [next(left).detach() for _ in range(size)] if size else next(left).detach()
                for key, size in zip(self.keys, sizes, strict=True)
            }
            found, slopes = self._by_autograd(own, list(left))
            self.names = tuple(found)
            return [*(value.detach() for value in found.values()), *slopes]

        one, other = _copied(given), _copied(given)
        try:
            graph: Any = make_fx(step)(*_copied(given))
            _plain(graph)
            with torch.no_grad():
                found = graph.forward(*one)
        except Exception:  # whatever make_fx does not take: the program is there
            return False
        self.graph = graph
        return same_bits(found, step(*other)) and same_bits(one, other)

    def _by_autograd(self, states: dict[str, Value], batch: list[Tensor]) -> Outcome:
        leaves = [leaf.requires_grad_() for leaf in _flat(states, self.moved)]
        (found,) = self.program(len(self.generators), states, batch, self.generators)
        loss = found[self.loss]
        return found, list(torch.autograd.grad(loss, leaves, torch.ones_like(loss), allow_unused=True))


def fits(program: Program) -> bool:
    """Whether a program can be written down: it moves weights once, and draws nothing."""
    tape = program.tape
    return not tape.draws and sum(isinstance(line, Given) for line in tape.lines) == 1


def _plain(graph: fx.GraphModule) -> None:
    """Without what nobody reads, and what only says that there is no gradient."""
    for node in list(graph.graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _flat(states: Mapping[str, Value], keys: Sequence[str]) -> list[Tensor]:
    """The tensors of some states, one after another."""
    values = (states[key] for key in keys)
    return [tensor for value in values for tensor in ((value,) if isinstance(value, Tensor) else value)]


def _copied(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]
