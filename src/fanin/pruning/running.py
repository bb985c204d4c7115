"""A pruning experiment from its first training to its report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fanin.analyses.plan import Plan
from fanin.data.stream import Stream
from fanin.data.table import Data
from fanin.ir.recipe import Phase
from fanin.pruning.identity import Identity
from fanin.pruning.levels import Levels, all_masks
from fanin.pruning.overlap import overlaps
from fanin.pruning.report import Results, Row, write
from fanin.pruning.retraining import settings_for
from fanin.pruning.rounds import Rounds, Ticket, together
from fanin.pruning.smaller import Saved
from fanin.pruning.trainer import Work, label
from fanin.runtime.load import execute
from fanin.runtime.modes import one_thread
from fanin.systems.folder import Folder
from fanin.systems.machine import Machine
from fanin.systems.problems import RunFailed
from fanin.systems.run import check
from fanin.systems.settings import Settings

Tell = Callable[[str, Mapping[str, Any]], None]


class Pruned:
    """A finished experiment: ``results`` of its trainings, and a ``Ticket`` for each seed.

    ``saved`` is by seed what the smaller network saves, where whole units went and the experiment has a folder; None
    where there is no smaller network.
    """

    def __init__(self, plan: Plan, results: Results, tickets: dict[int, Ticket], folder: str | None) -> None:
        self.plan, self.results, self.tickets, self.folder = plan, results, tickets, folder
        self.saved: dict[int, Saved | None] = {}

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
    if settings.smoke or settings.compile:
        raise RunFailed("an experiment runs without `smoke` and `compile`")
    if settings.stability and (not isinstance(parts["train"], Data) or not settings.shuffle):
        raise RunFailed("`stability` compares two orders of the data, and these have one", help="leave it out")
    asked = [*experiment.measures, *_readings(experiment.expected)]
    if any(reading.name == "steps_to" for reading in asked) and parts.get("val") is None:
        raise RunFailed("`steps_to` is measured on held out data, and there is none", help="give `val=0.1`")


class Experiment:
    """An experiment that is set up: its trainings can be run here, some of them elsewhere, and reported."""

    def __init__(
        self,
        plan: Plan,
        phases: Sequence[Phase],
        programs: tuple[str, str],
        parts: Mapping[str, Data | Stream],
        settings: Settings,
        folder: Folder | None,
        identity: Identity,
    ) -> None:
        """``programs`` are the printed trainings of the first time and of the rounds."""
        experiment, system = plan.experiment, phases[0].system
        first, again = programs
        module = execute(system.name, first)
        self.plan, self.settings, self.folder, self.identity = plan, settings, folder, identity
        self.work = Work(
            experiment,
            tuple(phases),
            module,
            module if again == first else execute(system.name, again),
            settings,
            settings_for(experiment.retrain, settings, phases[0].stage is not None),
            parts,
            tuple(dict.fromkeys([*experiment.measures, *_readings(experiment.expected)])),
        )
        self.levels = {seed: Levels(self._home(seed), settings.save_every) for seed in experiment.seeds}

    def go(self, seeds: Iterable[int], runs: Sequence[str] | None, tell: Callable[[Row], None]) -> None:
        """Train what has not been trained of some seeds, and of all their runs or some. Raises RunFailed."""
        with _one_thread(self.settings):
            together([self._rounds(seed, tell) for seed in seeds], runs)

    def run(self, tell: Tell) -> Pruned:
        """Train what has not been trained, and report."""
        done = len(self.results().rows)

        def row(found: Row) -> None:
            nonlocal done
            done += 1
            tell("trained", {"done": done, "of": self.plan.trainings, "row": found})

        self.go(self.plan.experiment.seeds, None, row)
        found = self.pruned()
        for seed, ticket in found.tickets.items():
            self.levels[seed].drop_running()
            self.levels[seed].put_tensors("start", ticket.start)
            self.levels[seed].put_tensors("masks", all_masks(ticket.masks))
        if self.folder is not None:
            write(found.results, self.folder.path)
        return found

    def pruned(self) -> Pruned:
        """What came out, when all has been trained."""
        with _one_thread(self.settings):
            tickets = {seed: self._rounds(seed, _nobody).ticket() for seed in self.levels}
        results = self.results()
        results.overlaps = overlaps(self.plan, results.rows, tickets)
        return Pruned(self.plan, results, tickets, None if self.folder is None else self.folder.path)

    def tidy(self) -> None:
        """Take away what a process that was killed has half written."""
        for levels in self.levels.values():
            levels.tidy()

    def ended(self, seed: int, run: str) -> bool:
        """Whether all rounds of a run of a seed have been trained, here or elsewhere."""
        return self._rounds(seed, _nobody).ended(run, self.plan.rounds)

    def results(self) -> Results:
        """What is known of the trainings so far, seed by seed and round by round."""
        experiment, system = self.plan.experiment, self.work.system
        asked = [label(reading) for reading in experiment.measures] or [m.name for m in system.measures]
        results = Results(experiment, asked, identity=self.identity)
        for levels in self.levels.values():
            for place in range(self.plan.rounds + 1):
                found = [levels.row(run, place) for run in results.runs]
                results.rows += [row for row in found if row is not None and row.measures.keys() >= {*self.work.labels}]
        return results

    def _rounds(self, seed: int, tell: Callable[[Row], None]) -> Rounds:
        return Rounds(self.plan, self.work, seed, self.levels[seed], tell)

    def _home(self, seed: int) -> str | None:
        return None if self.folder is None else os.path.join(self.folder.path, f"seed-{seed}")


def _nobody(row: Row) -> None:
    pass


def _readings(expected: Any) -> Iterator[Any]:
    from fanin.ir.experiment import Operation, Reading

    todo = [e.test for e in expected]
    while todo:
        found = todo.pop()
        if isinstance(found, Operation):
            todo += [found.left, found.right]
        elif isinstance(found, Reading) and found.name == "steps_to":
            yield found


def _one_thread(settings: Settings) -> AbstractContextManager[None]:
    """On a CPU one thread: small networks are faster with it, and bits do not hang on how many there are."""
    return one_thread() if Machine(settings).device.type == "cpu" else nullcontext()
