"""Trainings of one seed: from wherever, masked, and measured at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from torch import Tensor

from fanin.data.seeds import number
from fanin.data.stream import Stream
from fanin.data.streaming import batches
from fanin.data.table import Data
from fanin.ir.experiment import Experiment, Reading
from fanin.ir.recipe import Phase, System
from fanin.pruning.levels import Levels
from fanin.pruning.masks import Holder, Masks
from fanin.pruning.ranking import Units
from fanin.pruning.retraining import at_the_end
from fanin.pruning.rewinding import Point, back, here
from fanin.record import record
from fanin.systems.machine import Machine
from fanin.systems.problems import RunFailed
from fanin.systems.settings import Settings
from fanin.systems.training import Loop, system_class

_ROWS = 1 << 30  # a row of the log for each so many steps: none but that of an epoch's end


@record(eq=False)
class Work:
    """What all trainings of an experiment share. ``again`` is how rounds train, ``module`` the first time."""

    experiment: Experiment
    phases: tuple[Phase, ...]
    module: ModuleType
    again: ModuleType
    settings: Settings
    rounds: Settings
    parts: Mapping[str, Data | Stream]
    measures: tuple[Reading, ...]

    @property
    def system(self) -> System:
        return self.phases[0].system

    @property
    def labels(self) -> tuple[str, ...]:
        """What is known of each training at its end."""
        return (*(m.name for m in self.system.measures), *(label(r) for r in self.measures if r.name == "steps_to"))

    @property
    def kept_on(self) -> bool:
        """Whether rounds go on with the weights they have."""
        return self.experiment.rewind[0] in ("none", "rate")


@record(eq=False)
class Wanted:
    """A training that an experiment asks for: from a ``point``, or (None) from the start with weights drawn anew.

    ``stays`` are the units that ``masks`` are of; ``place`` is the number of the round.
    """

    run: str
    place: int
    stays: Units
    masks: Masks
    point: Point | None


@record(eq=False)
class Ended:
    """What came out of a training. ``point`` is where it ended, of a ticket."""

    measures: dict[str, float | None]
    point: Point | None


class Trainer:
    """Trainings of one seed."""

    def __init__(self, work: Work, seed: int, levels: Levels) -> None:
        self.work, self.seed, self.levels = work, seed, levels

    def loop(self, *, again: bool = False) -> Loop:
        """A training at its start."""
        work = self.work
        settings = replace(work.rounds if again else work.settings, seed=self.seed, log_every=_ROWS)
        module = work.again if again else work.module
        machine = Machine(settings, (0, 1))
        return Loop(
            module,
            work.phases,
            work.parts["train"],
            work.parts.get("val"),
            settings,
            machine,
            None,
            lambda event, known: None,
        )

    def run(self, wanted: Wanted) -> Ended:
        """Take a training of a round to its end."""
        experiment = self.work.experiment
        loop = self.loop(again=True)
        if wanted.point is None:
            self.redrawn(loop, wanted.place)
        elif experiment.rewind[0] == "none" and (experiment.retrain is None or experiment.retrain.rule is None):
            at_the_end(loop.training)
        self.train(loop, wanted)
        ticket = wanted.run == "ticket"
        return Ended(self.measure(loop), here(loop, optimisers=self.work.kept_on) if ticket else None)

    def redrawn(self, loop: Loop, place: int) -> None:
        """Give a training new weights, drawn from where its system's are but for the seed."""
        seed = number(self.seed, "reinit", place)
        fresh = system_class(loop.module)(seed=seed).state_dict()
        loop.system.load_state_dict(fresh)
        for follower in getattr(loop.training, "followers", ()):
            loop.training.follow(follower, 1.0)

    def train(self, loop: Loop, wanted: Wanted) -> None:
        """Take a training to its end, masked, and from its point where it has one."""
        if wanted.point is not None:
            back(loop, wanted.point, wanted.masks)
        hold = self.levels.taken_up(wanted.run, wanted.place, loop)
        holder = Holder(loop.system, wanted.masks)
        holder.attach(loop.training)

        def after() -> None:  # what moves weights without an optimiser: updates by hand, followers
            holder.apply()
            hold()

        loop.after = after
        loop.go()

    def dense(self) -> Ended:
        """Train the whole network; what rounds rewind to is kept on the way."""
        loop, levels = self.loop(), self.levels
        kind, count = self.work.experiment.rewind
        if kind == "start":
            levels.put_point("rewind", here(loop))
        wanted = None
        if kind in ("epoch", "step"):
            if kind == "epoch" and loop.epoch is None:
                raise RunFailed(f"{loop.batches.data.name} has no epochs to rewind to", help="say `rewind to step`")
            wanted = count * (loop.epoch or 1) if kind == "epoch" else count
            total = sum(loop.training.lengths)
            if wanted >= total:
                raise RunFailed(
                    f"rounds rewind to step {wanted}, and the training has {total}", help="rewind further back"
                )
        hold = levels.taken_up("ticket", 0, loop)

        def after() -> None:
            if loop.steps == wanted:
                levels.put_point("rewind", here(loop))
            hold()

        loop.after = after
        loop.go()
        if wanted is not None and levels.point("rewind") is None:
            raise RunFailed(f"the training ended before step {wanted}, which rounds rewind to")
        return Ended(self.measure(loop), here(loop, optimisers=self.work.kept_on))

    # ---------------------------------------------------------------------------------------------------- measures

    def measure(self, loop: Loop) -> dict[str, float | None]:
        """What an experiment measures of a training that has ended: on test data, else on validation, else on training
        data; ``steps_to`` is of the validation data."""
        work = self.work
        data = work.parts.get("test") or work.parts.get("val") or work.parts["train"]
        settings, machine = loop.settings, loop.machine
        rows = batches(data, settings.batch_size, shuffle=False, dtype=machine.dtype)
        with machine.drawing(settings.seed):
            found: dict[str, float | None] = dict(loop.measure(rows))
        kinds = {measure.name: measure.kind for measure in work.system.measures}
        for reading in work.measures:
            if reading.name == "steps_to":
                args = dict(reading.args)
                found[label(reading)] = _steps_to(loop, args["measure"], args["reach"], kinds[args["measure"]])
        return found


def label(reading: Reading) -> str:
    """``accuracy``, ``steps_to(accuracy, 0.9)``."""
    if reading.name != "steps_to":
        return reading.name
    args = dict(reading.args)
    return f"steps_to({args['measure']}, {args['reach']:g})"


def _steps_to(loop: Loop, measure: str, reach: float, kind: str) -> float | None:
    """The step at which validation first found a metric at or above a number, a loss at or below; None for never."""
    for row in loop.journal.rows["validation"]:
        value = row[measure]
        if value <= reach if kind == "loss" else value >= reach:
            return float(row["step"])
    return None


def with_followers(masks: Mapping[str, Tensor], system: Any) -> dict[str, Tensor]:
    """Masks for what follows masked weights, too."""
    found = dict(masks)
    for follower in system.followers:
        for key, mask in masks.items():
            if key.startswith(f"{follower.of}."):
                found[f"{follower.path}{key[len(follower.of) :]}"] = mask
    return found
