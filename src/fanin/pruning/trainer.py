"""Trainings of one seed: from wherever, masked, and measured at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from fanin.data.seeds import number
from fanin.data.stream import Stream
from fanin.data.streaming import batches
from fanin.data.table import Data
from fanin.ir.experiment import Experiment, Reading
from fanin.ir.recipe import Phase, System
from fanin.pruning.levels import Levels
from fanin.pruning.line import instability
from fanin.pruning.masks import Holder, Masks
from fanin.pruning.ranking import Units
from fanin.pruning.retraining import at_the_end
from fanin.pruning.rewinding import Point, back, held, here
from fanin.pruning.stability import between
from fanin.record import field, record
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
        names = [m.name for m in self.system.measures]
        steady = [f"instability({name})" for name in names] if self.settings.stability else []
        return (*names, *(label(r) for r in self.measures if r.name == "steps_to"), *steady)

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
    """What came out of a training. ``point`` is where it ended, of a ticket; ``line`` has the measures on the way to
    the same training with other random numbers, where stability was asked for."""

    measures: dict[str, float | None]
    point: Point | None
    line: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Trainer:
    """Trainings of one seed."""

    def __init__(self, work: Work, seed: int, levels: Levels) -> None:
        self.work, self.seed, self.levels = work, seed, levels

    def loop(self, *, again: bool = False, order: int = 0) -> Loop:
        """A training at its start; with an ``order`` its data come in another one, and what is drawn is other."""
        work = self.work
        seed = number(self.seed, "order", order) if order else self.seed
        settings = replace(work.rounds if again else work.settings, seed=seed, log_every=_ROWS)
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
        """Take a training to its end."""
        loop = self.ready(wanted)
        loop.go()
        return self.ended(wanted, loop)

    def ready(self, wanted: Wanted) -> Loop:
        """A training where it begins, or where it was when it was last held."""
        if wanted.place == 0:
            return self._dense()
        loop = self._round(wanted)
        self.begin(loop, wanted)
        return loop

    def begin(self, loop: Loop, wanted: Wanted) -> None:
        """Put a training at its point, where it has one, masked from now on."""
        if wanted.point is not None:
            back(loop, wanted.point, wanted.masks)
        self._mask(loop, wanted.masks, self.levels.taken_up(wanted.run, wanted.place, loop))

    def _round(self, wanted: Wanted, order: int = 0) -> Loop:
        """A training of a round, before it is put at its point."""
        experiment = self.work.experiment
        loop = self.loop(again=True, order=order)
        if wanted.point is None:
            self.redrawn(loop, wanted.place)
        elif experiment.rewind[0] == "none" and (experiment.retrain is None or experiment.retrain.rule is None):
            at_the_end(loop.training)
        return loop

    def ended(self, wanted: Wanted, loop: Loop) -> Ended:
        """What came out of a training; where stability was asked for, on the way to its twin too."""
        kind, _ = self.work.experiment.rewind
        if wanted.place == 0 and kind in ("epoch", "step") and self.levels.point("rewind") is None:
            raise RunFailed(f"the training ended before step {self._rewind_to(loop)}, which rounds rewind to")
        ticket = wanted.run == "ticket"
        point = here(loop, optimisers=self.work.kept_on) if ticket else None
        measures = self.measure(loop)
        if not self.work.settings.stability:
            return Ended(measures, point)
        line = self._line(wanted, loop)
        kinds = {measure.name: measure.kind for measure in self.work.system.measures}
        measures |= {f"instability({name})": instability(values, kinds[name]) for name, values in line.items()}
        return Ended(measures, point, line)

    def _line(self, wanted: Wanted, loop: Loop) -> dict[str, tuple[float, ...]]:
        """The measures between the weights of a training and those of its twin, which draws numbers of its own."""
        data = self.work.parts["train"]
        assert isinstance(data, Data)  # others are refused
        with loop.machine.drawing(self.seed):
            point, masks = wanted.point, wanted.masks
            if wanted.place == 0:
                point, masks = self.levels.point("rewind") or here(self.loop()), {}
                twin = self.loop(order=1)
            else:
                twin = self._round(wanted, order=1)
            if point is not None:
                back(twin, point, masks)
            torch.manual_seed(number(twin.settings.seed, "noise", 0))
            self._mask(twin, masks, _nothing)
            twin.go()
            return between(loop, held(twin), data, self.measured)

    def redrawn(self, loop: Loop, place: int) -> None:
        """Give a training new weights, drawn from where its system's are but for the seed."""
        seed = number(self.seed, "reinit", place)
        fresh = system_class(loop.module)(seed=seed).state_dict()
        loop.system.load_state_dict(fresh)
        for follower in getattr(loop.training, "followers", ()):
            loop.training.follow(follower, 1.0)

    def _mask(self, loop: Loop, masks: Masks, hold: Callable[[], None]) -> None:
        """Have a training be masked from now on, and ``hold`` be called after each step."""
        holder = Holder(loop.system, masks)
        holder.attach(loop.training)
        besides = getattr(loop.training, "followers", ()) or getattr(loop.training, "by_hand", ())

        def after() -> None:
            if besides:  # what moves weights without an optimiser: updates by hand, followers
                holder.apply()
            hold()

        loop.after = after

    def _dense(self) -> Loop:
        """The training of the whole network; what rounds rewind to is kept on the way."""
        loop, levels = self.loop(), self.levels
        if self.work.experiment.rewind[0] == "start":
            levels.put_point("rewind", here(loop))
        wanted = self._rewind_to(loop)
        total = sum(loop.training.lengths)
        if wanted is not None and wanted >= total:
            raise RunFailed(f"rounds rewind to step {wanted}, and the training has {total}", help="rewind further back")
        hold = levels.taken_up("ticket", 0, loop)

        def after() -> None:
            if loop.steps == wanted and levels.point("rewind") is None:  # one that goes on passes here again
                levels.put_point("rewind", here(loop))
            hold()

        loop.after = after
        return loop

    def _rewind_to(self, loop: Loop) -> int | None:
        """The step that rounds rewind to, where they do. Raises RunFailed."""
        kind, count = self.work.experiment.rewind
        if kind not in ("epoch", "step"):
            return None
        if kind == "epoch" and loop.epoch is None:
            raise RunFailed(f"{loop.batches.data.name} has no epochs to rewind to", help="say `rewind to step`")
        return count * (loop.epoch or 1) if kind == "epoch" else count

    # ---------------------------------------------------------------------------------------------------- measures

    def measure(self, loop: Loop) -> dict[str, float | None]:
        """What an experiment measures of a training that has ended: on test data, else on validation, else on training
        data; ``steps_to`` is of the validation data."""
        work = self.work
        found: dict[str, float | None] = dict(self.measured(loop))
        kinds = {measure.name: measure.kind for measure in work.system.measures}
        for reading in work.measures:
            if reading.name == "steps_to":
                args = dict(reading.args)
                found[label(reading)] = _steps_to(loop, args["measure"], args["reach"], kinds[args["measure"]])
        return found

    def measured(self, loop: Loop) -> dict[str, float]:
        """The measures of the system with the weights that a training has now."""
        parts, machine = self.work.parts, loop.machine
        data = parts.get("test") or parts.get("val") or parts["train"]
        rows = batches(data, loop.settings.batch_size, shuffle=False, dtype=machine.dtype)
        with machine.drawing(loop.settings.seed):
            return loop.measure(rows)


def _nothing() -> None:
    pass


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
