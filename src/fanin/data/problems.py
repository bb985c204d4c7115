"""What is wrong with data, as a message: one for each cause, with the place in the text, file or spec."""

from __future__ import annotations

from collections.abc import Iterable

from fanin.diagnostics.codes import DAT011
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


def raised(name: str, error: Exception, span: Span) -> DataFailed:
    """For an exception of the user's own code: where it was. The exception is to stay the cause."""
    import os
    import traceback

    folder = os.path.dirname(__file__)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith(folder) and f"{os.sep}importlib{os.sep}" not in f.filename]
    notes = [f"{type(error).__name__}: {str(error).split(chr(10), 1)[0][:200]}"]
    if theirs and not theirs[-1].filename.startswith("<frozen"):
        last = theirs[-1]
        notes.append(f"{last.filename}:{last.lineno}, in {last.name}: {last.line}")
    return failure(DAT011, f"`{name}` failed", span, "raised an exception", notes=notes)


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
