"""Starting a run, or going on with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from fanin.data.loader import Batches
from fanin.data.table import Data
from fanin.ir.recipe import Phase, System
from fanin.runtime.load import execute
from fanin.systems.folder import Folder
from fanin.systems.journal import Row
from fanin.systems.machine import Machine
from fanin.systems.problems import RunFailed
from fanin.systems.settings import PRECISIONS, Settings
from fanin.systems.training import Loop, Watch


class Run:
    """A run that has ended: the trained ``system``, and what was measured on the way."""

    def __init__(self, loop: Loop, test: Data | None) -> None:
        self._loop = loop
        self.system: nn.Module = loop.system
        self.training = loop.training
        self.steps = loop.steps
        self.folder = None if loop.folder is None else loop.folder.path
        self.history: list[Row] = loop.journal.rows["train"]
        self.validation: list[Row] = loop.journal.rows["validation"]
        self.test: dict[str, float] = {} if test is None else self.measure(test)

    def measure(self, data: Data) -> dict[str, float]:
        """The measures of the system over data whose fields are its inputs, in evaluation."""
        loop = self._loop
        batches = Batches(data, loop.settings.batch_size, shuffle=False, dtype=loop.machine.dtype)
        with loop.machine.drawing(loop.settings.seed):
            return loop.measure(batches)

    @property
    def final(self) -> dict[str, float]:
        """The last measures: of held out data where there is some, else of training."""
        rows = self.validation or self.history
        return {k: v for k, v in rows[-1].items() if k not in ("step", "epoch", "stage")} if rows else {}


def go(
    phases: tuple[Phase, ...],
    program: str,
    parts: Mapping[str, Data],
    settings: Settings,
    *,
    folder: Folder | None = None,
    resumed: bool = False,
    watch: Watch = lambda event, known: None,
) -> Run:
    """Train a system by its printed program on ``parts["train"]``, whose fields are its inputs.

    Raises RunFailed.
    """
    system = phases[0].system
    _check(system, parts, settings)
    machine = Machine(settings)
    inputs = tuple(port.name for port in inputs_of(system))
    measures = tuple(measure.name for measure in system.measures)
    module = execute(system.name, program)
    with machine.connected():
        loop = Loop(module, inputs, measures, parts["train"], parts.get("val"), settings, machine, folder, watch)
        if resumed and folder is not None:
            state = folder.state()
            if state is not None:
                loop.resume(state)
        loop.go()
        if folder is not None and machine.leads:
            folder.save_weights(loop.system.state_dict())
        return Run(loop, parts.get("test"))


def inputs_of(system: System) -> list[Any]:
    """The ports that a batch fills: all but those that training supplies."""
    supplied = {ramp.port for ramp in system.ramps}
    return [port for port in system.graph.ports if port.name not in supplied]


def _check(system: System, parts: Mapping[str, Data], settings: Settings) -> None:
    """Settings that can't be meant, before anything is made."""
    if not system.every_line():
        raise RunFailed(f"`{system.name}` has no `train` line", help="write `train net on loss with adam(lr=1e-3)`")
    names = [m.name for m in system.measures]
    if settings.monitor is not None and settings.monitor not in names:
        raise RunFailed(f"`{settings.monitor}` is no measure of `{system.name}`", help=f"it has: {', '.join(names)}")
    if settings.monitor is not None and parts.get("val") is None:
        raise RunFailed(f"`{settings.monitor}` is monitored on held out data, and there is none", help="give `val=0.1`")
    if settings.patience is not None and settings.monitor is None:
        raise RunFailed("patience needs something to be monitored", help=f"give `monitor={names[0]!r}`")
    if settings.precision not in PRECISIONS:
        raise RunFailed(f"there is no precision `{settings.precision}`", help=f"there are: {', '.join(PRECISIONS)}")
    if system.stages and (settings.epochs or settings.steps):
        raise RunFailed("the stages of a system say for how long it is trained", help="leave out `epochs` and `steps`")
