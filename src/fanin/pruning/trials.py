"""Programs for many replicas are tried against those of one, on the very numbers of a step, and agree bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fanin.pruning.stacking import Program
from fanin.pruning.tracing import Call, Tape, Unstackable, traced

Found = list[Tensor | None]


def tried(
    trainings: Sequence[Any], method: str, due: Sequence[int], batch: Sequence[Tensor], ramps: Sequence[Tensor]
) -> Program | str:
    """The step of several trainings at once, as much of it together as leaves each its bits; or why there is none.

    ``batch`` has the replicas as its first axis, ``ramps`` are numbers that all have in common.
    """
    count = len(trainings)
    rows = [[tensor[replica] for tensor in batch] for replica in range(count)]
    keys = {id(weight): key for key, weight in trainings[0].system.named_parameters()}
    lines = [(trainings[0].lines[n].loss, [keys[id(w)] for w in trainings[0].moved[n]]) for n in due]

    def alone(replica: int) -> Iterator[Found]:
        system = trainings[replica].system
        weights = dict(system.named_parameters())
        moves = getattr(system, method)(*rows[replica], *ramps)
        for (loss, moved), found in zip(lines, moves, strict=False):
            slopes = torch.autograd.grad(found[loss], [weights[k] for k in moved], allow_unused=True, retain_graph=True)
            yield [*found.values(), *slopes]

    def together(program: Program) -> Iterator[list[Found]]:
        states, leaves = _leaves(program, [training.system for training in trainings])
        for (loss, moved), found in zip(
            lines, program(count, states, [*batch, *ramps], _generators(count)), strict=False
        ):
            own = [leaf for key in moved for leaf in leaves[key]]
            slopes = iter(torch.autograd.grad(found[loss].sum(), own, allow_unused=True, retain_graph=True))
            parts: list[Any] = [*found.values()]
            for key in moved:
                taken = [next(slopes) for _ in leaves[key]]
                parts.append(taken[0] if len(leaves[key]) == 1 else None if None in taken else taken)
            yield [[None if part is None else part[replica] for part in parts] for replica in range(count)]

    try:
        tape = traced(trainings[0].system, getattr(trainings[0].system, method), [*rows[0], *ramps])
    except Unstackable as error:
        return str(error)
    common = frozenset(range(len(batch), len(batch) + len(ramps)))
    return _agreed(tape, common, [training.system for training in trainings], alone, together)


def tried_measures(systems: Sequence[nn.Module], batch: Sequence[Tensor]) -> Program | str:
    """The measures of several systems in evaluation, over a batch that all have in common."""
    count = len(systems)

    def alone(replica: int) -> Iterator[Found]:
        found = systems[replica](*batch)
        yield list(found) if isinstance(found, tuple) else [found]

    def together(program: Program) -> Iterator[list[Found]]:
        states, _ = _leaves(program, systems)
        for found in program(count, states, batch, _generators(count)):
            yield [[value[replica] for value in found.values()] for replica in range(count)]

    was = {module: module.training for system in systems for module in system.modules()}
    for system in systems:
        system.eval()
    try:
        tape = traced(systems[0], systems[0], batch)
        if tape.draws:
            return "it draws random numbers in evaluation"
        return _agreed(tape, frozenset(range(len(batch))), systems, alone, together)
    except Unstackable as error:
        return str(error)
    finally:
        for module, mode in was.items():
            module.training = mode


def _agreed(
    tape: Tape,
    common: frozenset[int],
    systems: Sequence[nn.Module],
    alone: Callable[[int], Iterator[Found]],
    together: Callable[[Program], Iterator[list[Found]]],
) -> Program | str:
    """The program with the rules that leave all bits as they are."""
    with _as_it_was(systems):
        wanted = [list(_drawing(replica, alone)) for replica in range(len(systems))]

    def agrees(without: frozenset[str]) -> Program | None:
        program = Program(tape, common, without)
        try:
            with _as_it_was(systems):
                found = list(together(program))
        except (RuntimeError, TypeError, ValueError, IndexError):  # a rule that takes what it cannot
            return None
        same = all(
            same_bits(one, other)
            for replica, steps in enumerate(wanted)
            for one, other in zip(steps, (step[replica] for step in found), strict=True)
        )
        return program if same else None

    best = agrees(frozenset())
    if best is not None:
        return best
    names = frozenset(line.name for line in tape.lines if isinstance(line, Call))
    best, left = agrees(names), names
    if best is None:
        return "replicas side by side have other bits than alone"
    for name in sorted(Program(tape, common).rules):
        found = agrees(left - {name})
        if found is not None:
            best, left = found, left - {name}
    return best


def _leaves(program: Program, systems: Sequence[nn.Module]) -> tuple[dict[str, Any], dict[str, list[Tensor]]]:
    """Copies of all states as a program takes them, and those of parameters as a list of tensors with gradients."""
    states: dict[str, Any] = {}
    leaves: dict[str, list[Tensor]] = {}
    weights = [dict(system.named_parameters()) for system in systems]
    for key, first in weights[0].items():
        own = [weight[key].detach() for weight in weights]
        made = [torch.stack(own)] if key in program.together else [tensor.clone() for tensor in own]
        leaves[key] = [tensor.requires_grad_(first.requires_grad) for tensor in made]
        states[key] = made[0] if key in program.together else made
    buffers = [dict(system.named_buffers()) for system in systems]
    for key in buffers[0]:
        states[key] = [own[key] for own in buffers]
    return states, leaves


_SEED = 20250127  # of what is drawn in a trial


def _generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(_SEED + replica) for replica in range(count)]


def _drawing(replica: int, alone: Callable[[int], Iterator[Found]]) -> Iterator[Found]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED + replica)
        yield from alone(replica)


@contextmanager
def _as_it_was(systems: Sequence[nn.Module]) -> Iterator[None]:
    """Afterwards the buffers are what they were before."""
    before = [(buffer, buffer.detach().clone()) for system in systems for buffer in system.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, held in before:
                buffer.copy_(held)


def same_bits(one: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> bool:
    """Whether two lists of tensors have the same bits and types."""
    return all(
        (a is None and b is None) or (a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b))
        for a, b in zip(one, other, strict=True)
    )
