"""A diagnostic as data: a code, a headline, labelled spans, notes, help and a fix."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from fanin.record import record
from fanin.source import Span

LINTS = ("SIG", "STR", "CST")
"""Families of findings about what can be built: an error among them can be allowed like a warning."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@record
class Code:
    """``SHP301 axis-mismatch``: it never changes its meaning. Its page is ``pages/SHP301.md``."""

    id: str
    name: str
    severity: Severity = Severity.ERROR


@record
class Label:
    """A span and what is to be seen there."""

    span: Span
    text: str


@record
class Edit:
    """Replace the text of ``span`` by ``text``."""

    span: Span
    text: str


@record
class Fix:
    """Edits that remove the cause. ``safe`` ones keep the meaning and are what ``check --fix`` applies."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = False


@record
class Frame:
    """A use that led to the diagnostic: ``Basic(width=64)``, used at ``span``."""

    what: str
    span: Span


@record
class Diagnostic:
    """One message. ``span`` is the smallest text whose change could fix it, ``label`` what is said under it."""

    code: Code
    headline: str
    span: Span
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    fix: Fix | None = None
    chain: tuple[Frame, ...] = ()  # innermost use first
    level: Severity | None = None  # where it is another than that of its code

    @property
    def severity(self) -> Severity:
        return self.level or self.code.severity

    @property
    def name(self) -> str:
        return self.code.name

    @property
    def is_lint(self) -> bool:
        return self.code.id[:3] in LINTS

    @property
    def is_fatal(self) -> bool:
        """Whether nothing can be built: an error that is no lint's."""
        return self.severity is Severity.ERROR and not self.is_lint

    def within(self, chain: tuple[Frame, ...]) -> Diagnostic:
        """The same message, with the chain of uses that led to it."""
        return replace(self, chain=chain)


class Refusal(Exception):
    """Carries a diagnostic from where a mistake is found to where the reading of the file goes on."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.headline)
        self.diagnostic = diagnostic
