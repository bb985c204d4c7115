"""Pruning experiments as data: what a ``prune`` removes, when, what it starts again from, and what it compares."""

from __future__ import annotations

from typing import Any

from fanin.ir.graph import Program
from fanin.ir.recipe import Setting, System, Target
from fanin.ir.rules import NEEDED
from fanin.record import field, record
from fanin.source import Span

CRITERIA: dict[str, dict[str, Any]] = {
    "grasp": {"samples": 128},
    "l2": {},
    "magnitude": {},
    "random": {},
    "snip": {"samples": 128},
    "synflow": {"rounds": 100},
    "taylor": {"samples": 128},
    "wanda": {"samples": 128},
}
UNITS: dict[str, dict[str, Any]] = {
    "block": {"rows": NEEDED, "columns": NEEDED},
    "channel": {},
    "head": {},
    "neuron": {},
    "nm": {"n": NEEDED, "m": NEEDED},
    "weight": {},
}


@record
class Removal:
    """``kind`` "each": ``rate`` of what is left, in every round; "once": ``rate`` of all; "to": down to ``rate``, by
    the same share of what is left in every round; "gradually": down to ``rate``, by less and less."""

    kind: str
    rate: float
    rounds: int


@record
class Rate:
    """A part with a rate of its own, or (``half``) half of the round's."""

    target: Target
    rate: float | None


@record
class Retrain:
    """How a round trains; what is None is as in the system."""

    count: int | None
    unit: str | None
    rule: Setting | None
    options: tuple[Setting, ...]


@record
class Reading:
    """A measure: ``accuracy``, ``accuracy(round=9, run=reinit)``, ``steps_to(accuracy, 0.9)``."""

    name: str
    args: tuple[tuple[str, Any], ...] = ()


@record
class Operation:
    """``left op right`` of readings, numbers and other operations."""

    op: str
    left: Any
    right: Any


@record
class Expected:
    """An ``expect``: a comparison that the finished experiment is held to."""

    test: Operation
    text: str
    span: Span = field(compare=False, repr=False)


@record(eq=False)
class Experiment:
    """A ``prune``, elaborated, of a system or of a model."""

    name: str
    of: System | Program
    criterion: Setting
    unit: Setting
    scope: str
    parts: tuple[Target, ...]  # of ``scope each(…)``: one ranking for each
    removal: Removal
    rates: tuple[Rate, ...]
    kept: tuple[Target, ...]
    floor: float | None
    rewind: tuple[str, int]  # ("start", 0) · ("epoch" | "step", n) · ("none", 0) · ("rate", 0)
    retrain: Retrain | None
    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    measures: tuple[Reading, ...]
    expected: tuple[Expected, ...]
    span: Span = field(repr=False)

    @property
    def runs(self) -> tuple[str, ...]:
        """The ticket, and the control runs that are trained: what is dense is trained in any case."""
        return ("ticket", *(control for control in self.controls if control != "dense"))
