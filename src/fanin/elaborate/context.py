"""What one elaboration shares: what is known of the open dimensions, the graphs made so far, and the messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Code, Diagnostic, Fix, Frame, Label, Refusal
from fanin.ir.conditions import change, simplified
from fanin.ir.dims import expand
from fanin.ir.facts import Condition, Facts
from fanin.ir.graph import Graph
from fanin.ir.requirements import Requirement
from fanin.ops.contract import Inferred, ParamSpec
from fanin.record import field, record
from fanin.source import Span

MAX_DEPTH = 200  # blocks in blocks; a U-Net of that depth would need images of 2**200 pixels
MAX_TURNS = 100_000
MAX_LIST = 1_000_000
MAX_NUMBER = 2**63 - 1


@record(frozen=False)
class Specialisation:
    """A graph and what its uses have to supply. ``captured`` are places in the user's list of held tensors."""

    graph: Graph
    borrowed: list[Any]
    captured: list[int]
    sizes: list[Any] = field(
        default_factory=list
    )  # for each of `graph.sizes`: the hyper-parameter it is, or the symbol


@record(frozen=False)
class Context:
    """Shared by everything that is elaborated for one entry point."""

    facts: Facts
    diagnostics: list[Diagnostic] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    memo: dict[Any, Specialisation | None] = field(default_factory=dict)
    parts: dict[Graph, dict[str, Any]] = field(
        default_factory=dict
    )  # the instances that each graph was made with, by key
    inferred: dict[Any, Inferred] = field(default_factory=dict)  # what an op's rule said, by attributes and types
    weights: dict[Any, tuple[ParamSpec, ...]] = field(default_factory=dict)  # and which parameters it has
    frames: list[Frame] = field(default_factory=list)
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    open_places: dict[str, Span] = field(default_factory=dict)  # where each dimension of the model is left open
    turns: list[str] = field(default_factory=list)  # the turns of the loops around, in the body that is elaborated
    idle: dict[Span, str] = field(default_factory=dict)  # modules that nothing flows through in some graph
    flowing: set[Span] = field(default_factory=set)  # and those that something flows through in some other
    endless: bool = False  # whether a recursion has been found that never ends: whatever hangs on it says nothing
    used: set[int] = field(default_factory=set)  # ids of declarations that something has used

    def report(self, diagnostic: Diagnostic) -> None:
        """Keep a message, once for each place and each cause: a block that is wrong is wrong in every use.

        Two messages have one cause where they say the same of sizes that came from the same places.
        """
        place: tuple[Any, ...] = (diagnostic.code.id, diagnostic.span)
        cause: tuple[Any, ...] = (diagnostic.code.id, diagnostic.headline, diagnostic.labels)
        if place in self.seen or (diagnostic.labels and cause in self.seen):
            return
        self.seen |= {place, cause}
        notes = (*diagnostic.notes, *(f"in {turn}" for turn in reversed(self.turns)))
        self.diagnostics.append(replace(diagnostic, notes=notes, chain=tuple(reversed(self.frames))))

    @contextmanager
    def inside(self, what: str, span: Span) -> Iterator[None]:
        """What is reported in here has been led to by the use of ``what`` at ``span``."""
        turns, self.turns = self.turns, []
        self.frames.append(Frame(what, span))
        try:
            yield
        finally:
            self.frames.pop()
            self.turns = turns

    def require(
        self, condition: Condition, message: str, span: Span, *, written: bool = False, training: bool = False
    ) -> None:
        """Make an open condition one of the model's, and a fact from here on."""
        condition = simplified(change(condition, expand))
        if all(r.condition != condition or r.training != training for r in self.requirements):
            self.requirements.append(Requirement(condition, message, span, written, training))
        if not training:
            self.facts.assume(condition)


def refuse(
    code: Code,
    headline: str,
    span: Span,
    label: str = "",
    labels: Sequence[Label] = (),
    *,
    notes: Sequence[str] = (),
    helps: Sequence[str] = (),
    fix: Fix | None = None,
) -> Refusal:
    """A refusal to raise."""
    return Refusal(Diagnostic(code, headline, span, label, tuple(labels), tuple(notes), tuple(helps), fix))
