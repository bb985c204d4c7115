"""Prints the findings of a check."""

from __future__ import annotations

from fanin.cli.output import err, out, rows
from fanin.diagnostics.render import Format, full, render, summary
from fanin.report import Report


def say(report: Report, format: Format = "full", *, to_stdout: bool = True) -> None:
    """The messages in ``format``, and for a reader a last line that counts them, on stderr."""
    found = report.diagnostics
    if format == "full":
        if found:  # a clean file needs neither the renderer nor, on a terminal, rich
            rows(full(found), to_stdout=to_stdout)
            err("\n")
    elif to_stdout:
        out(render(found, format))
    else:
        err(render(found, format))
    if format in ("full", "concise"):
        err(summary(found, len(report.sources) or 1) + "\n")
    if format == "full" and found:
        first = found[0].code
        err(f"`fanin explain {first.id}` says more\n")
