"""Carries out the fixes of diagnostics on the text they were found in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fanin.diagnostics.model import Diagnostic, Edit
from fanin.record import record
from fanin.source import Source


@record
class Fixed:
    """The new text of each source that changes, and the diagnostics whose fixes are in it."""

    texts: dict[Source, str]
    applied: tuple[Diagnostic, ...]


def apply_fixes(diagnostics: Iterable[Diagnostic], may_change: Callable[[Source], bool]) -> Fixed:
    """Applies every safe fix that only changes sources which may change.

    A fix is applied whole or not at all. One that meets the edits of an earlier one is left for the next
    check, which sees the changed text; one that says the same as an earlier one is done with it.
    """
    taken: dict[Source, list[Edit]] = {}
    applied: list[Diagnostic] = []
    for diagnostic in diagnostics:
        fix = diagnostic.fix
        if not fix or not fix.safe or not all(may_change(edit.span.source) for edit in fix.edits):
            continue
        new = [edit for edit in fix.edits if edit not in taken.get(edit.span.source, ())]
        if any(_meet(edit, other) for edit in new for other in taken.get(edit.span.source, ())):
            continue
        for edit in new:
            taken.setdefault(edit.span.source, []).append(edit)
        applied.append(diagnostic)
    texts = {source: edited(source.text, edits) for source, edits in taken.items()}
    return Fixed({s: text for s, text in texts.items() if text != s.text}, tuple(applied))


def edited(text: str, edits: Iterable[Edit]) -> str:
    """``text`` after edits that do not overlap."""
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        parts += [text[done : edit.span.start], edit.text]
        done = edit.span.end
    return "".join([*parts, text[done:]])


def _meet(a: Edit, b: Edit) -> bool:
    """Whether two edits overlap, or insert at one place, where their order would matter."""
    if a.span.start == b.span.start:
        return True
    first, second = (a, b) if a.span.start < b.span.start else (b, a)
    return second.span.start < first.span.end
