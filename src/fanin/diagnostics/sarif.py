"""Diagnostics as SARIF 2.1.0, the exchange format of static analysis."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from fanin.diagnostics.full import chain_notes
from fanin.diagnostics.model import Code, Diagnostic, Edit, Fix, Severity
from fanin.source import Span

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}


def sarif(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """A log of one run. Columns count code points, and ends lie behind the last one, as they do in a span."""
    given = list(diagnostics)
    codes = {d.code.id: d.code for d in given}
    places = {id: at for at, id in enumerate(codes)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "fanin", "rules": [_rule(code) for code in codes.values()]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(d, places[d.code.id]) for d in given],
            }
        ],
    }


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "name": "".join(word.capitalize() for word in code.name.split("-")),
        "shortDescription": {"text": code.name.replace("-", " ")},
        "help": {"text": f"Run `fanin explain {code.id}`."},
        "defaultConfiguration": {"level": _LEVEL[code.severity]},
    }


def _result(d: Diagnostic, rule: int) -> dict[str, Any]:
    said = [d.headline, *d.notes, *chain_notes(d.chain), *d.helps]
    primary = _location(d.span)
    if d.label:
        primary["message"] = {"text": d.label}
    related = [(label.span, label.text) for label in d.labels]
    related += [(frame.span, f"`{frame.what}` is used here") for frame in d.chain]
    result: dict[str, Any] = {
        "ruleId": d.code.id,
        "ruleIndex": rule,
        "level": _LEVEL[d.severity],
        "message": {"text": "\n".join(said)},
        "locations": [primary],
    }
    if related:
        result["relatedLocations"] = [
            {"id": at, **_location(span), "message": {"text": text}} for at, (span, text) in enumerate(related, 1)
        ]
    if d.fix:
        result["fixes"] = [_fix(d.fix)]
    return result


def _location(span: Span) -> dict[str, Any]:
    file = {"uri": _uri(span.source.name)}
    return {"physicalLocation": {"artifactLocation": file, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _uri(name: str) -> str:
    """A path as a URI reference; an absolute one as a ``file:`` URI."""
    path = quote(name.replace(os.sep, "/"), safe="/:" if os.name == "nt" else "/")
    if os.path.isabs(name):
        return "file://" + ("" if path.startswith("/") else "/") + path
    return path


def _fix(fix: Fix) -> dict[str, Any]:
    by_file: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_file.setdefault(edit.span.source.name, []).append(edit)
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": _uri(name)},
                "replacements": [
                    {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in edits
                ],
            }
            for name, edits in by_file.items()
        ],
    }
