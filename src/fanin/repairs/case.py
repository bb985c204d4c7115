"""What a repair is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fanin.diagnostics.model import Edit
from fanin.ir.graph import Program
from fanin.signal.analysis import Analysis
from fanin.source import Span
from fanin.syntax import tree


class Refused(ValueError):
    """The network lacks what this repair is for, or what would change is out of reach. The message is for users."""

    def __init__(self, message: str, hint: str = "", elsewhere: Span | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.elsewhere = elsewhere  # the text of another file that would have to change


@dataclass(frozen=True)
class Case:
    """A program gone through, and the file that it is of, the one that may be changed.

    ``given`` are the hyper-parameters and sizes that it was built with, ``base`` those of the small model that its
    scales are carried over from (``mup``); ``elaborate`` builds the same model with others.
    """

    program: Program
    analysis: Analysis
    file: tree.File
    given: Mapping[str, Any]
    base: Mapping[str, Any]
    elaborate: Callable[[Mapping[str, Any]], Program]


@dataclass(frozen=True)
class Answer:
    """The edits that bring a repair about, and a line on each thing that they do."""

    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    """What Adam's learning rate is multiplied by, for each parameter by its key; no spec of a network says that."""
    checks: tuple[Callable[[Analysis], str | None], ...] = field(default=())
    """What has to be so in the network that comes out; each gives what is wrong, or None."""


Repair: TypeAlias = Callable[[Case], Answer]
