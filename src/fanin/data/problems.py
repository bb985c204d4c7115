"""What is wrong with data, as a message: one for each cause, with the place in the text, file or spec."""

from __future__ import annotations

from collections.abc import Iterable

from fanin.diagnostics.model import Code, Diagnostic, Label
from fanin.report import CheckFailed, Report
from fanin.source import Source, Span


class DataFailed(CheckFailed):
    """Data that cannot be opened, or does not fit; ``report`` has the message."""

    def __str__(self) -> str:
        return "the data cannot be used\n\n" + str(self.report)


def failure(
    code: Code,
    headline: str,
    span: Span,
    label: str = "",
    *,
    labels: Iterable[Label] = (),
    notes: Iterable[str] = (),
    helps: Iterable[str] = (),
) -> DataFailed:
    """The exception for one message."""
    found = Diagnostic(code, headline, span, label, tuple(labels), tuple(notes), tuple(helps))
    return DataFailed(Report((found,)))


def whole(name: str, text: str) -> Span:
    """A text that comes from no file, such as what stands behind ``--data``."""
    return Span(Source(name, text), 0, len(text))


def listed(names: Iterable[object], limit: int = 12) -> str:
    """```a`, `b` and `c` ``, and how many more."""
    shown = [f"`{name}`" for name in names]
    if not shown:
        return "nothing"
    if len(shown) > limit:
        return f"{', '.join(shown[:limit])} and {len(shown) - limit} more"
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]
