"""Residual streams as rules read them: sums of a tensor and of what a branch made of it, one behind the other."""

from __future__ import annotations

from dataclasses import dataclass

from fanin.lints.signal.along import Net
from fanin.signal.tape import Edge, Step


@dataclass(frozen=True)
class Block:
    """``y = skip(source) + branch(source)``; ``before`` are the steps between the sum before and the source."""

    step: Step
    source: Edge
    branch: Edge
    skip: tuple[Step, ...]
    before: tuple[Step, ...]
    previous: Step | None

    @property
    def output(self) -> Edge:
        return self.step.outputs[0]


def streams(net: Net) -> list[list[Block]]:
    """Sums in a row: each takes what the one before gave, through nothing but activations, norms and moves."""
    place = {id(step): i for i, step in enumerate(net.steps)}
    ends: dict[int, list[Block]] = {}
    found: list[list[Block]] = []
    for step in net.steps:
        block = _block(net, step, place)
        if block is None:
            continue
        stream = ends.get(id(block.previous)) if block.previous is not None else None
        if stream is None or stream[-1].step is not block.previous:
            stream = []
            found.append(stream)
        stream.append(block)
        ends[id(step)] = stream
    return found


def _block(net: Net, step: Step, place: dict[int, int]) -> Block | None:
    given = [e for e in step.inputs if e is not None and e.number is None and e.state is None]
    if step.name != "add" or len(given) != 2 or given[0].type.shape != given[1].type.shape:
        return None
    for own, other in (given, given[::-1]):
        skip: list[Step] = []
        edge = own
        while True:
            if len(net.reads(edge)) > 1 and _leads(net, edge, other, place):
                before, previous = _before(net, edge)
                return Block(step, edge, other, tuple(skip), before, previous)
            maker = net.maker(edge)
            source = None if maker is None else net.only(maker)
            if maker is None or source is None or (maker.weights and not net.is_norm(maker)):
                break
            skip.append(maker)
            edge = source
    return None


def _leads(net: Net, source: Edge, edge: Edge, place: dict[int, int]) -> bool:
    """Whether a tensor was made of another, by a step that has weights or is no more than an activation of it."""
    maker = net.maker(source)
    first = place[id(maker)] if maker is not None else -1
    todo, seen = [edge], set()
    while todo:
        at = todo.pop()
        if at is source:
            return True
        made = net.maker(at)
        if made is None or id(made) in seen or place[id(made)] <= first:
            continue
        seen.add(id(made))
        todo += [e for e in made.inputs if e is not None]
    return False


def _before(net: Net, edge: Edge) -> tuple[tuple[Step, ...], Step | None]:
    """The steps up to a tensor from the sum before, and that sum, where one is."""
    passed: list[Step] = []
    for step in net.back(edge):
        if step.name == "add" and net.only(step) is None:
            return tuple(passed), step
        if step.weights and not net.is_norm(step):
            break
        passed.append(step)
    return tuple(passed), None


def norm_behind(net: Net, edge: Edge, layers: int = 1) -> bool:
    """Whether whoever reads a tensor, through activations, moves and one layer, is a norm."""
    readers = net.reads(edge)
    return bool(readers) and all(_normed(net, step, layers) for step in readers)


def _normed(net: Net, step: Step, layers: int) -> bool:
    if net.is_norm(step):
        return True
    if step.weights:
        layers -= 1
    elif not net.is_neutral(step):
        return False
    return layers >= 0 and all(norm_behind(net, e, layers) for e in step.outputs)
