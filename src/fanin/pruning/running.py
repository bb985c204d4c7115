"""A pruning experiment from its first training to its report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from fanin.analyses.plan import Plan
from fanin.data.stream import Stream
from fanin.data.table import Data
from fanin.ir.recipe import Phase, System
from fanin.pruning.masks import packed
from fanin.pruning.overlap import overlaps
from fanin.pruning.report import Results, Row, write
from fanin.pruning.retraining import settings_for
from fanin.pruning.rounds import Rounds, Ticket
from fanin.pruning.trainer import Work, label
from fanin.runtime.load import execute
from fanin.systems.folder import Folder
from fanin.systems.machine import Machine
from fanin.systems.problems import RunFailed
from fanin.systems.run import check
from fanin.systems.settings import Settings

Tell = Callable[[str, Mapping[str, Any]], None]


class Pruned:
    """A finished experiment: ``results`` of its trainings, and a ``Ticket`` for each seed."""

    def __init__(self, plan: Plan, results: Results, tickets: dict[int, Ticket], folder: str | None) -> None:
        self.plan, self.results, self.tickets, self.folder = plan, results, tickets, folder

    @property
    def holds(self) -> bool:
        """Whether all that the experiment expects came true."""
        return all(holds for _, holds, _, _ in self.results.promises())

    def page(self, path: str) -> None:
        """Write it as one page of HTML that needs nothing else."""
        from fanin.pruning.page import page

        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(page(self))

    def __str__(self) -> str:
        return self.results.table()


def refuse(plan: Plan, phases: Sequence[Phase], parts: Mapping[str, Data | Stream], settings: Settings) -> None:
    """What cannot be run is said before anything is trained. Raises RunFailed."""
    experiment = plan.experiment
    check(phases[0].system, parts, settings)
    if not plan.rankings:
        raise RunFailed(f"`{experiment.name}` has nothing to prune")
    if plan.collapses:
        c = plan.collapses[0]
        raise RunFailed(
            f"`{c.name}` collapses: after round {c.round} it would have {c.left} left, and the floor is {c.floor}",
            help="prune less; `fanin prune --plan` says how much stays",
        )
    if any(phase.system is not phases[0].system for phase in phases):
        raise RunFailed(f"`{phases[0].system.name}` grows in its stages, and a mask is of one network")
    if settings.smoke or settings.compile or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunFailed("an experiment runs in one process, without `smoke` and `compile`")
    asked = [*experiment.measures, *_readings(experiment.expected)]
    if any(reading.name == "steps_to" for reading in asked) and parts.get("val") is None:
        raise RunFailed("`steps_to` is measured on held out data, and there is none", help="give `val=0.1`")


def run(
    plan: Plan,
    phases: Sequence[Phase],
    programs: tuple[str, str],
    parts: Mapping[str, Data | Stream],
    settings: Settings,
    folder: Folder | None,
    tell: Tell,
) -> Pruned:
    """Run an experiment; ``programs`` are the printed trainings of the first time and of the rounds."""
    experiment = plan.experiment
    system = phases[0].system
    assert isinstance(experiment.of, System)
    first, again = programs
    module = execute(system.name, first)
    work = Work(
        tuple(phases),
        module,
        module if again == first else execute(system.name, again),
        settings,
        settings_for(experiment.retrain, settings, phases[0].stage is not None),
        parts,
        tuple(dict.fromkeys([*experiment.measures, *_readings(experiment.expected)])),
    )
    asked = [label(reading) for reading in experiment.measures] or [m.name for m in system.measures]
    results = Results(experiment, asked)

    def row(found: Row) -> None:
        results.rows.append(found)
        tell("trained", {"done": len(results.rows), "of": plan.trainings, "row": found})

    tickets = {}
    with _one_thread(settings):
        for seed in experiment.seeds:
            tickets[seed] = Rounds(plan, work, seed, row).go()
            if folder is not None:
                _keep(tickets[seed], folder)
                write(results, folder.path)
    results.overlaps = overlaps(plan, results.rows, tickets)
    found = Pruned(plan, results, tickets, None if folder is None else folder.path)
    if folder is not None:
        write(results, folder.path)
        found.page(os.path.join(folder.path, "report.html"))
    return found


def _readings(expected: Any) -> Iterator[Any]:
    from fanin.ir.experiment import Operation, Reading

    todo = [e.test for e in expected]
    while todo:
        found = todo.pop()
        if isinstance(found, Operation):
            todo += [found.left, found.right]
        elif isinstance(found, Reading) and found.name == "steps_to":
            yield found


@contextmanager
def _one_thread(settings: Settings) -> Iterator[None]:
    """On a CPU one thread: small networks are faster with it, and bits do not hang on how many there are."""
    before = torch.get_num_threads()
    if Machine(settings).device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keep(ticket: Ticket, folder: Folder) -> None:
    """``seed-0/``: the weights at the start and at the end, and the masks of all rounds as bits."""
    from safetensors.torch import save_file

    home = os.path.join(folder.path, f"seed-{ticket.seed}")
    os.makedirs(home, exist_ok=True)
    masks = {
        f"{place}/{key}": packed(mask) for place, found in enumerate(ticket.masks, 1) for key, mask in found.items()
    }
    for name, tensors in (("start", ticket.start), ("weights", ticket.weights), ("masks", masks)):
        path = os.path.join(home, f"{name}.safetensors")
        save_file({k: t.detach().to("cpu", copy=True).contiguous() for k, t in tensors.items()}, f"{path}.new")
        os.replace(f"{path}.new", path)
