"""The loop around a printed training: batches go in, measurements are kept, and checkpoints are taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from fanin.analyses.hangs_on import random
from fanin.data.loader import Batches
from fanin.data.seeds import number
from fanin.data.stream import Stream
from fanin.data.streaming import StreamBatches, batches
from fanin.data.table import Data
from fanin.ir.graph import Port
from fanin.ir.recipe import Phase, System
from fanin.runtime.modes import in_evaluation
from fanin.systems import checkpoint, sharding
from fanin.systems.folder import Folder
from fanin.systems.journal import Journal
from fanin.systems.machine import Machine
from fanin.systems.pretrained import fill
from fanin.systems.problems import RunFailed, StepFailed
from fanin.systems.settings import Settings

Watch = Callable[[str, Mapping[str, Any]], None]
"""Told of what happens: ``warning``, ``begin``, ``step``, ``validation``, ``end``, with what is known of it."""

_PAUSE = 10.0  # seconds between checkpoints at ends of epochs, where nothing is said
_FLUSH = 100  # steps whose measures are kept as tensors at most: reading one waits for a GPU


class Loop:
    """One run of a system: ``go`` takes it to its end. ``module`` is the printed program."""

    def __init__(
        self,
        module: ModuleType,
        phases: tuple[Phase, ...],
        train: Data | Stream,
        val: Data | Stream | None,
        settings: Settings,
        machine: Machine,
        folder: Folder | None,
        watch: Watch,
    ) -> None:
        self.phases = phases
        self.inputs = tuple(port.name for port in inputs_of(phases[0].system))
        self.measures = tuple(measure.name for measure in phases[0].system.measures)
        self.module, self.settings, self.machine, self.folder = module, settings, machine, folder
        self.watch = watch
        self.draws = any(random(node) for phase in phases for step in phase.steps for node in step.graph.nodes)
        share = (machine.rank, machine.size)
        self.batches = batches(
            train,
            settings.batch_size,
            seed=settings.seed,
            shuffle=settings.shuffle,
            drop_last=settings.drop_last,
            stratify=settings.stratify,
            dtype=machine.dtype,
            share=share,
        )
        self.val = (
            None
            if val is None
            else batches(val, settings.batch_size, seed=settings.seed, shuffle=False, dtype=machine.dtype, share=share)
        )
        system = system_class(module)(seed=settings.seed)
        for path, file in settings.weights.items():
            fill(system, path, file)
        system = machine.place(system, compiled=settings.compile)
        self.training = module.training(system, **self._given())
        machine.take_charge(self.training, compiled=settings.compile)
        if settings.smoke:
            self.training.lengths = [min(2, length) for length in self.training.lengths]
        self.steps = 0  # of the whole run
        self.waiting: list[dict[str, Tensor]] = []  # measures of steps that are not in the journal yet
        self.best, self.idle = math.inf, 0  # the least that was monitored in this stage, and epochs since
        self.kept: dict[str, Tensor] | None = None  # the weights that had it
        self.after: Callable[[], None] | None = None  # called after each step
        self.saved = time.monotonic()
        self.journal = Journal(None)  # until `go`, which knows how much of the one on disk counts
        self.noted = 0
        torch.manual_seed(number(settings.seed, "noise", machine.stream))

    @property
    def system(self) -> nn.Module:
        system: nn.Module = self.training.system
        return system

    @property
    def epoch(self) -> int | None:
        """The batches of an epoch; None of data without a length."""
        return len(self.batches) if isinstance(self.batches, Batches) else None

    def _given(self) -> dict[str, int]:
        """What the printed ``training`` asks for: the steps of an epoch, or of the whole."""
        wanted = self.module.training.__annotations__
        epoch = self.epoch
        if epoch is None and "epoch" in wanted:
            stage = next(p.stage for p in self.phases if p.stage is not None and p.stage.unit == "epochs")
            text = (
                f"the stage `{stage.name}` counts epochs, and {self.batches.data.name} has no length, so none of them"
            )
            raise RunFailed(text, help=f"write `stage {stage.name} for 1000 steps`")
        if epoch is None and "steps" in wanted and not self.settings.steps:
            raise RunFailed(f"{self.batches.data.name} has no length, so it has no epochs", help="give `steps` instead")
        if "epoch" in wanted:
            return {"epoch": epoch or 0}
        if "steps" in wanted:
            settings = self.settings
            return {"steps": settings.steps or (settings.epochs or 2) * (epoch or 0)}
        return {}

    # ----------------------------------------------------------------------------------------------------- the loop

    def go(self) -> None:
        """Train to the end, from wherever it is."""
        if self.folder is not None and self.machine.leads:
            self.journal = Journal(self.folder.path, self.noted, board=self.settings.tensorboard)
        self.watch("begin", {"steps": sum(self.training.lengths), "done": self.steps, "epoch": self.epoch})
        try:
            while not self.training.done:
                self._epoch()
            self._note()
        finally:
            self.journal.close()
        self.watch("end", {"steps": self.steps})

    def _epoch(self) -> None:
        names, machine, settings, training = self.inputs, self.machine, self.settings, self.training
        for fields in self.batches:
            stage = training.stage
            batch = machine.batch(fields, names, rows_of(self.batches, self.batches.position - 1))
            try:
                with machine.running(draws=self.draws):
                    measured = training(*batch)
            except (RuntimeError, IndexError, ValueError, TypeError) as error:
                raise self.explained(error) from error
            self.steps += 1
            if self.after is not None:
                self.after()
            self.waiting.append(measured)
            ended = training.stage != stage
            if ended or len(self.waiting) == _FLUSH or self.steps % settings.log_every == 0:
                self._note(stage)
            if training.done:
                break
            if ended:
                self._forget()
            if settings.save_every and self.steps % settings.save_every == 0:
                self.save()
        self._note()
        self._validate()
        if training.done:
            self._restore()
        if training.done or (not settings.save_every and time.monotonic() - self.saved > _PAUSE):
            self.save()

    def explained(self, error: Exception) -> StepFailed:
        """What went wrong in a step, with the line of the spec that it is from."""
        from fanin.systems.failures import line_of

        kept = "" if self.folder is None else self.folder.kept().removeprefix("; ")
        where = line_of(error, self.module, self.phases)
        first = str(error).strip().split("\n")[0] or type(error).__name__
        text = f"step {self.steps + 1} failed: {first}"
        return StepFailed(f"{text}\n{where}" if where else text, help=kept)

    # ----------------------------------------------------------------------------------------------- early stopping

    def _look(self, monitored: float) -> None:
        """Keep the weights of the best epoch so far; leave the stage when there was none for too long."""
        value = -monitored if self.settings.highest else monitored
        if value < self.best:
            self.best, self.idle = value, 0
            self.kept = {name: tensor.detach().clone() for name, tensor in self.system.state_dict().items()}
            return
        self.idle += 1
        if self.settings.patience is not None and self.idle >= self.settings.patience and not self.training.done:
            self._restore()
            self.training.leave()
            self.watch("stopped", {"steps": self.steps, "monitored": monitored})

    def _restore(self) -> None:
        """Go back to the best weights, where some were monitored."""
        if self.kept is not None:
            self.system.load_state_dict(self.kept)
        self._forget()

    def _forget(self) -> None:
        self.best, self.idle, self.kept = math.inf, 0, None

    # ---------------------------------------------------------------------------------------------------- the journal

    def _note(self, stage: int | None = None) -> None:
        """Put what was measured into the journal: the means over the steps since the last time."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        told = {name: value.item() for name, value in self.machine.together(_means(waiting)).items()}
        at = self.training.stage if stage is None else stage
        place = self._place(min(at, len(self.training.stages) - 1))
        self.journal.add("train", place, told)
        self.watch("step", {**place, **told})
        broken = [name for name, value in told.items() if not math.isfinite(value)]
        if broken:
            self.journal.flush()
            kept = "" if self.folder is None else self.folder.kept()
            raise StepFailed(
                f"`{broken[0]}` is {told[broken[0]]} at step {self.steps}",
                help=f"a smaller `lr`, `warmup=` or `clip(1.0)` keep a loss finite{kept}",
            )

    def _place(self, stage: int) -> dict[str, Any]:
        epoch = self.batches.epoch + self.batches.position / max(self.epoch or 1, 1)
        return {"step": self.steps, "epoch": round(epoch, 6), "stage": self.training.stages[stage].name}

    # ----------------------------------------------------------------------------------------------- held out data

    def _validate(self) -> None:
        """Measure the held out data, as in evaluation."""
        if self.val is None:
            return
        with self.machine.drawing(number(self.settings.seed, "noise", self.machine.stream, self.steps)):
            told = self.measure(self.val)
        self.validated(told)

    def validated(self, told: dict[str, float]) -> None:
        """Note what was measured on held out data."""
        place = self._place(min(self.training.stage, len(self.training.stages) - 1))
        self.journal.add("validation", place, told)
        self.watch("validation", {**place, **told})
        if self.settings.monitor is not None:
            self._look(told[self.settings.monitor])

    def measure(self, batches: Batches | StreamBatches) -> dict[str, float]:
        """The measures of a system over some data: means over its rows, in evaluation."""
        system, machine = self.system, self.machine
        sums: dict[str, Tensor] = {}
        total = 0
        with in_evaluation(system), torch.no_grad():
            for place, fields in enumerate(batches):
                batch = machine.batch(fields, self.inputs, rows_of(batches, place))
                with machine.running(draws=self.draws):
                    found = system(*batch, *ramps_of(self.training))
                values = found if isinstance(found, tuple) else (found,)
                for name, value in zip(self.measures, values, strict=True):
                    sums[name] = sums.get(name, 0.0) + value.to(torch.float64) * (machine.rows * machine.weight)
                total += machine.rows
        weight, machine.weight = machine.weight, 1.0
        told = machine.together({name: value / total for name, value in sums.items()})
        machine.weight = weight
        return {name: value.item() for name, value in told.items()}

    # ------------------------------------------------------------------------------------------------- checkpoints

    def state(self) -> dict[str, Any]:
        """All that the loop has to remember between two steps."""
        return {
            "training": sharding.whole(self.training.state_dict()),
            "batches": self.batches.state(),
            "random": self.machine.random_states(),
            "steps": self.steps,
            "journal": self.journal.size(),
            "best": self.best,
            "idle": self.idle,
            "kept": sharding.whole(self.kept),
            "scale": [self.machine.scale, self.machine.steady],
        }

    def save(self) -> None:
        """Take a checkpoint. Everything that was measured is in the journal by then."""
        if self.folder is None:
            return
        self._note()
        state = self.state()
        if self.machine.leads:
            try:
                checkpoint.save(self.folder.checkpoints, self.steps, state)
            except OSError as error:
                raise RunFailed(
                    f"the checkpoint of step {self.steps} cannot be written: {error.strerror or error}",
                    help=f"make room, then go on{self.folder.kept()}",
                ) from None
        self.machine.wait()
        self.saved = time.monotonic()

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint. Raises RunFailed."""
        self.machine.load(self.training, state["training"])
        self.batches.resume(state["batches"])
        self.steps, self.best, self.idle = state["steps"], state["best"], state["idle"]
        self.machine.scale, self.machine.steady = state["scale"]
        self.kept = state["kept"]
        self.noted = state["journal"]
        self.machine.draw_from(state["random"])


def _means(waiting: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each measure over the steps that have it."""
    if len(waiting) == 1:
        return waiting[0]
    found: dict[str, list[Tensor]] = {}
    for measured in waiting:
        for name, value in measured.items():
            found.setdefault(name, []).append(value)
    return {name: torch.stack([v.to(torch.float64) for v in values]).mean() for name, values in found.items()}


def rows_of(batches: Batches | StreamBatches, number: int) -> int | None:
    """The rows of a batch, those of all processes together; None where that is not known before."""
    if not isinstance(batches, Batches):
        return None
    return min(batches.batch_size, batches.rows - number * batches.batch_size)


def inputs_of(system: System) -> list[Port]:
    """The ports that a batch fills: all but those that training supplies."""
    supplied = {ramp.port for ramp in system.ramps}
    return [port for port in system.graph.ports if port.name not in supplied]


def ramps_of(training: Any) -> list[Tensor]:
    """The values of the ramps of a printed training as they are now, in the order of the system's inputs."""
    return training.numbers() if hasattr(training, "numbers") else []


def system_class(module: ModuleType) -> type[nn.Module]:
    """The class of the system in a printed program."""
    found: type[nn.Module] = module.training.__annotations__["system"]
    return found
