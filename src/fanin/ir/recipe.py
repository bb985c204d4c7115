"""Recipes: what a system measures, trains and lets follow, as data."""

from __future__ import annotations

from typing import Any

from fanin.ir.graph import Graph, Program, Update, Value
from fanin.ir.paths import covers, meets
from fanin.record import field, record
from fanin.source import Span


@record
class Setting:
    """An optimiser or schedule with all its arguments: ``adam(lr=0.001, betas=(0.9, 0.999), …)``."""

    name: str
    args: tuple[tuple[str, Any], ...]
    span: Span = field(compare=False, repr=False)

    def __getitem__(self, name: str) -> Any:
        return dict(self.args)[name]


@record
class Target:
    """Weights that a line moves: a path in which ``*`` is one level, as ``net.*.norm``."""

    path: str
    span: Span = field(compare=False, repr=False)

    def covers(self, path: str) -> bool:
        """Whether a path is this one, or below it."""
        return covers(self.path, path)

    def meets(self, path: str) -> bool:
        """Whether a path is this one, or above or below it."""
        return meets(self.path, path)


@record
class Train:
    """``train NETS on LOSS with OPTIMISER, …``

    ``optimiser`` is where its state is kept: lines that name one bound optimiser have one number.
    """

    targets: tuple[Target, ...]
    loss: str
    rule: Setting
    optimiser: int
    every: int
    clip: float | None
    accumulate: int
    schedule: Setting | None
    decay: tuple[str, ...]  # the paths whose weights decay; without one, all of them
    span: Span = field(compare=False, repr=False)


@record
class Follower:
    """The module at ``path`` follows the one at ``of``.

    ``ema(online, decay=…)``, ``copy(online, every=…)`` or ``copy(online, at=…)``; ``rate`` is what it is given.
    """

    path: str
    of: str
    kind: str  # "ema" | "copy"
    rate: float | int | str
    span: Span = field(compare=False, repr=False)


@record
class Ramp:
    """``ramp(start, stop, steps=n)``: an input of the graph whose value moves with training."""

    port: str
    start: float
    stop: float
    steps: int


@record
class Stage:
    """``stage NAME(changes) for COUNT UNIT until … { … }``: without lines of its own it trains as the system does.

    ``until`` is a bool of the system, looked at in each step: the stage ends with the first in which it is true.
    """

    name: str
    changes: tuple[tuple[str, Any], ...]
    count: int
    unit: str  # "epochs" | "steps"
    trains: tuple[Train, ...]
    span: Span = field(compare=False, repr=False)
    until: Value | None = None


@record
class Measure:
    """A scalar that is reported after a step; a loss may be trained on."""

    name: str
    kind: str  # "loss" | "metric"
    value: Value
    span: Span = field(compare=False, repr=False)


@record(eq=False)
class System:
    """A system, elaborated.

    ``graph`` computes everything that the system binds; the results of ``program`` are its measures, and nothing else
    is computed there. ``values`` are the tensors that can be asked for by name, ``weights`` the networks and
    parameters: their paths.
    """

    program: Program
    graph: Graph
    measures: tuple[Measure, ...]
    values: tuple[tuple[str, Value], ...]
    weights: tuple[tuple[str, str], ...]
    trains: tuple[Train, ...]
    stages: tuple[Stage, ...]
    followers: tuple[Follower, ...]
    ramps: tuple[Ramp, ...]

    @property
    def name(self) -> str:
        return self.program.name

    def updates(self) -> tuple[Update, ...]:
        """What is moved by hand: ``update w = …``, at the end of each step."""
        return tuple(node for node in self.graph.nodes if isinstance(node, Update))

    def every_line(self) -> tuple[Train, ...]:
        """All ``train`` lines, those of the stages too."""
        return (*self.trains, *(line for stage in self.stages for line in stage.trains))


@record
class Step:
    """A kind of training step: the lines that are due in it, by their places, and what it computes.

    The graph has no results: its ``Move`` nodes say where weights are moved.
    """

    due: tuple[int, ...]
    graph: Graph


@record(eq=False)
class Phase:
    """A stage that is ready to be run: the system as it is there, its lines, and its kinds of steps.

    Phases of one system share it. ``stage`` is None where a system has no stages, and trains for as long as it is told.
    """

    system: System
    stage: Stage | None
    lines: tuple[Train, ...]
    steps: tuple[Step, ...]
