"""How a system is trained, stage by stage: which kinds of steps there are, and what each computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm

from fanin.ir.graph import Graph
from fanin.ir.recipe import Phase, Step, System, Train
from fanin.rewrites.training_step import training_step

_MOST = 4096  # steps that are looked through for those at which lines are due together


def training_plan(systems: Sequence[System]) -> tuple[Phase, ...]:
    """The phases of a training, given the system as it is in each of its stages (or once, where it has none)."""
    graphs: dict[object, Graph] = {}
    phases = []
    for place, system in enumerate(systems):
        stage = system.stages[place] if system.stages else None
        lines = (stage.trains if stage is not None else ()) or system.trains
        steps = []
        for due in due_together(lines, empty=bool(system.updates())):
            chosen = tuple(lines[i] for i in due)
            until = None if stage is None else stage.until
            key = id(system), tuple((line.loss, line.targets) for line in chosen), until
            if key not in graphs:
                graphs[key] = training_step(system, chosen, until)
            steps.append(Step(due, graphs[key]))
        phases.append(Phase(system, stage, lines, tuple(steps)))
    return tuple(phases)


def due_together(lines: Sequence[Train], *, empty: bool) -> list[tuple[int, ...]]:
    """The sets of lines that are due at one step, by their places, as steps go by; ``empty`` keeps that of none."""
    return [due for due in dict.fromkeys(_sets(lines)) if due or empty]


def _sets(lines: Sequence[Train]) -> Iterator[tuple[int, ...]]:
    for step in range(1, 1 + min(_MOST, lcm(*(line.every for line in lines)))):
        yield tuple(i for i, line in enumerate(lines) if step % line.every == 0)
