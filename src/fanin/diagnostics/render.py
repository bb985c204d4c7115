"""Diagnostics as text, in one of five formats. Each format is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from fanin.diagnostics.model import Diagnostic, Severity

if TYPE_CHECKING:
    from fanin.diagnostics.excerpt import Row

Format = Literal["full", "concise", "json", "github", "sarif"]
FORMATS: tuple[Format, ...] = ("full", "concise", "json", "github", "sarif")


def render(diagnostics: Iterable[Diagnostic], format: Format = "full") -> str:
    """The text of some messages, ending with a line break unless it is empty."""
    given = list(diagnostics)
    if format == "full":
        return "".join(f"{row}\n" for row in full(given))
    if format == "concise":
        return "".join(map(concise, given))
    if format == "github":
        from fanin.diagnostics.github import github

        return "".join(map(github, given))
    import json

    if format == "json":
        from fanin.diagnostics.document import document

        return json.dumps(document(given), indent=2) + "\n"
    from fanin.diagnostics.sarif import sarif

    return json.dumps(sarif(given), indent=2) + "\n"


def full(diagnostics: Sequence[Diagnostic]) -> Iterable[Row]:
    """The rows of the long form, with an empty one between messages."""
    from fanin.diagnostics.excerpt import Row
    from fanin.diagnostics.full import full_rows

    for at, diagnostic in enumerate(diagnostics):
        if at:
            yield Row()
        yield from full_rows(diagnostic)


def concise(diagnostic: Diagnostic) -> str:
    """``file:line:col: error[CODE name] headline``, on one line whatever the headline has."""
    from fanin.diagnostics.columns import printable

    code = diagnostic.code
    headline = printable(" ".join(diagnostic.headline.split("\n")))
    return f"{printable(str(diagnostic.span))}: {diagnostic.severity}[{code.id} {code.name}] {headline}\n"


def summary(diagnostics: Iterable[Diagnostic], files: int) -> str:
    """``2 errors, 1 warning in 3 files``, or ``no errors in 3 files``."""
    given = list(diagnostics)
    counts = [(sum(d.severity is severity for d in given), severity) for severity in Severity]
    said = [f"{n} advice" if s is Severity.ADVICE else _plural(n, str(s)) for n, s in counts if n]
    return f"{', '.join(said) or 'no errors'} in {_plural(files, 'file')}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
