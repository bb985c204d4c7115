"""Diagnostics as workflow commands of GitHub Actions, which shows them beside the changed lines."""

from __future__ import annotations

import os

from fanin.diagnostics.full import chain_notes
from fanin.diagnostics.model import Diagnostic, Severity

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


def github(d: Diagnostic) -> str:
    """One command on one line. A span of several lines has no columns: GitHub refuses them."""
    line, column = d.span.source.position(d.span.start)
    end_line, end_column = d.span.source.position(d.span.end)
    where = {"file": d.span.source.name.replace(os.sep, "/"), "line": line}
    if end_line == line:
        where |= {"col": column, "endLine": line, "endColumn": max(end_column - 1, column)}
    else:
        where |= {"endLine": end_line}
    where["title"] = f"{d.code.id} {d.code.name}"
    settings = ",".join(f"{key}={_property(str(value))}" for key, value in where.items())
    said = [d.headline]
    said += [f"{d.span}: {d.label}"] if d.label else []
    said += [f"{label.span}: {label.text}" for label in d.labels]
    said += [f"note: {note}" for note in (*d.notes, *chain_notes(d.chain))]
    said += [f"help: {text}" for text in (*d.helps, *([d.fix.title] if d.fix else []))]
    return f"::{_COMMAND[d.severity]} {settings}::{_data(chr(10).join(said))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
