"""Diagnostics as a JSON document. Fields are added to a version, never taken away or changed in meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fanin.diagnostics.model import Diagnostic, Edit, Severity
from fanin.source import Span

VERSION = 1


def document(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """``version``, ``ok`` (no errors), the number of each severity, and the diagnostics."""
    given = list(diagnostics)
    return {
        "version": VERSION,
        "ok": not any(d.severity is Severity.ERROR for d in given),
        "counts": {str(s): sum(d.severity is s for d in given) for s in Severity},
        "diagnostics": [entry(d) for d in given],
    }


def entry(d: Diagnostic) -> dict[str, Any]:
    """One diagnostic."""
    return {
        "code": d.code.id,
        "name": d.code.name,
        "severity": str(d.severity),
        "headline": d.headline,
        "span": place(d.span),
        "label": d.label,
        "labels": [{"span": place(label.span), "text": label.text} for label in d.labels],
        "notes": list(d.notes),
        "helps": list(d.helps),
        "fix": d.fix and {"title": d.fix.title, "safe": d.fix.safe, "edits": [_edit(edit) for edit in d.fix.edits]},
        "chain": [{"what": frame.what, "span": place(frame.span)} for frame in d.chain],
    }


def place(span: Span) -> dict[str, str | int]:
    """A span: lines and columns are code points from 1, offsets from 0, and ends lie behind the last one."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "start": span.start,
        "end": span.end,
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {"span": place(edit.span), "text": edit.text}
