"""Starting a run, or going on with one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from fanin.data.binding import bind
from fanin.data.opening import open_data
from fanin.data.seeds import number
from fanin.data.stream import Stream
from fanin.data.streaming import batches
from fanin.data.table import Data
from fanin.ir.recipe import Phase, System
from fanin.runtime.load import execute
from fanin.runtime.samples import random_of
from fanin.signal.sizes import sizes_for
from fanin.source import Source
from fanin.systems import sharding
from fanin.systems.folder import Folder
from fanin.systems.journal import PLACE, Row
from fanin.systems.machine import Machine
from fanin.systems.problems import RunFailed
from fanin.systems.settings import Settings
from fanin.systems.training import Loop, Watch, inputs_of, system_class
from fanin.systems.values import Value
from fanin.systems.warnings import warnings_of

OVERFIT_STEPS = 200
Values = Callable[[str, Any], Value]
"""From a name that a system binds and its training to the value."""


class Run:
    """A run that has ended: the trained ``system``, and what was measured on the way."""

    def __init__(self, loop: Loop, test: Data | Stream | None, values: Values) -> None:
        self._loop, self._values = loop, values
        self.system: nn.Module = loop.system
        self.training = loop.training
        self.steps = loop.steps
        self.folder = None if loop.folder is None else loop.folder.path
        self.history: list[Row] = loop.journal.rows["train"]
        self.validation: list[Row] = loop.journal.rows["validation"]
        self.test: dict[str, float] = {} if test is None else self.measure(test)

    def value(self, name: str) -> Value:
        """What the system binds by that name, as a function of the inputs it hangs on. Raises LookupError."""
        return self._values(name, self.training)

    def measure(self, data: Data | Stream) -> dict[str, float]:
        """The measures of the system over data whose fields are its inputs, in evaluation."""
        loop = self._loop
        machine = loop.machine
        share = (machine.rank, machine.size)
        rows = batches(data, loop.settings.batch_size, shuffle=False, dtype=machine.dtype, share=share)
        with machine.connected(), machine.drawing(loop.settings.seed):
            return loop.measure(rows)

    @property
    def first(self) -> dict[str, float]:
        """The first measures of training."""
        return {k: v for k, v in self.history[0].items() if k not in PLACE} if self.history else {}

    @property
    def final(self) -> dict[str, float]:
        """The last measures: of held out data where there is some, else of training."""
        rows = self.validation or self.history
        return {k: v for k, v in rows[-1].items() if k not in PLACE} if rows else {}


def start(
    phases: tuple[Phase, ...],
    program: str,
    parts: Mapping[str, Data | Stream],
    settings: Settings,
    *,
    folder: Folder | None = None,
    resumed: bool = False,
    watch: Watch | None = None,
    values: Values,
) -> Run:
    """Train a system by its printed program on ``parts["train"]``, whose fields are its inputs.

    With ``resumed`` the run goes on from the latest checkpoint in ``folder``. Raises RunFailed.
    """
    system = phases[0].system
    check(system, parts, settings)
    watch = watch or _nobody
    machine = Machine(settings)
    if machine.size > 1:
        check_shared(phases)
    module = execute(system.name, program)
    with machine.connected():
        loop = Loop(module, phases, parts["train"], parts.get("val"), settings, machine, folder, watch)
        if resumed and folder is not None:
            state = folder.state()
            if state is not None:
                loop.resume(state)
        for text in warnings_of(phases, parts, settings):
            loop.watch("warning", {"text": text})
        loop.go()
        weights = sharding.whole(loop.system.state_dict())
        if folder is not None and machine.leads:
            folder.save_weights(weights)
            folder.draw_curves(loop.journal.rows["train"], loop.journal.rows["validation"], system.name)
        return Run(loop, parts.get("test"), values)


def check_shared(phases: Sequence[Phase]) -> None:
    """What moves weights by what one process sees is refused where several share the batches. Raises RunFailed."""
    for phase in phases:
        if phase.system.updates():
            what = "an `update` of a system"
        elif any(line.rule.name == "lbfgs" for line in phase.lines):
            what = "`lbfgs`"
        else:
            continue
        raise RunFailed(f"{what} goes by the rows that one process has, and several share them", help="use one process")


class RunWarning(UserWarning):
    """Something about a run is likely not meant."""


def _nobody(event: str, known: Mapping[str, Any]) -> None:
    """Nobody watches: warnings go Python's way."""
    if event == "warning":
        warnings.warn(known["text"], RunWarning, stacklevel=2)


def spec_files(sources: Iterable[Source], library: str) -> tuple[dict[str, str], str]:
    """The texts of a spec by path from the folder that has them all, and the path of the first.

    What is of the library, the folder ``library``, stays where it is.
    """
    within = os.path.join(os.path.abspath(library), "")
    paths = {os.path.abspath(s.name): s.text for s in sources}
    paths = {path: text for path, text in paths.items() if not path.startswith(within)}
    base = os.path.commonpath([os.path.dirname(p) for p in paths])
    files = {os.path.relpath(p, base): text for p, text in paths.items()}
    return files, next(iter(files))


def made(phases: tuple[Phase, ...], program: str, *, seed: int, length: int | None, values: Values) -> Any:
    """The training of a printed program at its start, with ``value(name)`` beside what is printed.

    ``length`` is the steps of the whole, or of an epoch where the stages count those. Raises RunFailed.
    """
    module = execute(phases[0].system.name, program)
    asked = [name for name in ("steps", "epoch") if name in module.training.__annotations__]
    if asked and length is None:
        what = "of an epoch" if asked == ["epoch"] else "in all"
        raise RunFailed(f"it is not said how many steps there are {what}", help="give `steps=1000`")
    training = module.training(system_class(module)(seed=seed), **dict.fromkeys(asked, length))
    training.value = lambda name: values(name, training)
    torch.manual_seed(number(seed, "noise", 0))
    return training


def parts_of(phases: tuple[Phase, ...], source: Any, settings: Settings) -> dict[str, Data | Stream]:
    """``train``, and ``val`` and ``test`` where there are such, with a field for each input of a system."""
    data = open_data(source)
    system = phases[0].system
    bound = bind(data, inputs_of(system), settings.mapping, system.program.requirements)
    for phase in phases:
        if phase.system is not system:
            bind(data, inputs_of(phase.system), settings.mapping, phase.system.program.requirements)
    parts: dict[str, Data | Stream] = {}
    parts |= bound.split(settings.val, settings.test, seed=settings.seed, stratify=settings.stratify)
    if settings.overfit is not None:
        train = parts["train"]
        if not isinstance(train, Data):
            raise RunFailed(f"{data.name} has no length, so no part of it can be taken")
        return {"train": train.first(settings.overfit * (settings.batch_size or len(train)))}
    return parts


def random_parts(phases: tuple[Phase, ...], settings: Settings) -> dict[str, Data | Stream]:
    """Random numbers in the place of data: one batch, of sizes that meet the conditions of a system."""
    system = phases[0].system
    sizes = sizes_for(system.program)
    if sizes is None:
        raise RunFailed("no sizes were found that meet the conditions of the system", help="give --data")
    draw = torch.Generator().manual_seed(settings.seed)
    ports = inputs_of(system)
    fields = {p.name: random_of(p.value.type, sizes, draw).numpy() for p in ports if p.value is not None}
    return {"train": bind(Data(fields, "random numbers"), ports, None, system.program.requirements)}


def settled(phases: tuple[Phase, ...], settings: Settings) -> Settings:
    """The settings with what an overfitted batch needs: rows in their order, and steps where nobody says how many."""
    if settings.overfit is None:
        return settings
    told = settings.epochs or settings.steps or phases[0].system.stages
    return replace(settings, shuffle=False, steps=settings.steps if told else OVERFIT_STEPS)


def check(system: System, parts: Mapping[str, Data | Stream], settings: Settings) -> None:
    """Settings that can't be meant are refused before anything is made. Raises RunFailed."""
    if not system.every_line() and not system.updates():
        raise RunFailed(f"`{system.name}` has no `train` line", help="write `train net on loss with adam(lr=1e-3)`")
    names = [m.name for m in system.measures]
    if settings.monitor is not None and settings.monitor not in names:
        raise RunFailed(f"`{settings.monitor}` is no measure of `{system.name}`", help=f"it has: {', '.join(names)}")
    if settings.monitor is not None and parts.get("val") is None:
        raise RunFailed(f"`{settings.monitor}` is monitored on held out data, and there is none", help="give `val=0.1`")
    if settings.patience is not None and settings.monitor is None:
        raise RunFailed("patience needs something to be monitored", help=f"give `monitor={names[0]!r}`")
    if system.stages and (settings.epochs or settings.steps):
        raise RunFailed("the stages of a system say for how long it is trained", help="leave out `epochs` and `steps`")
    if not system.stages and not (settings.epochs or settings.steps or settings.smoke):
        raise RunFailed("it is not said for how long to train", help="give `epochs` or `steps`")
