"""The long form of a message: headline, source with marks, notes, the chain of uses, helps and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fanin.diagnostics.columns import printable, view
from fanin.diagnostics.excerpt import Gutter, Mark, Row, excerpt, mark
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Frame
from fanin.source import Source

CHAIN = 6  # uses shown of a chain; of a longer one, those near the mistake and the outermost two
_FIX_LINES = 8


def full_rows(diagnostic: Diagnostic) -> Iterator[Row]:
    """The message, line by line."""
    style = str(diagnostic.severity)
    code = diagnostic.code
    headline, *more = printable(diagnostic.headline).split("\n")
    yield Row().add(f"{style}[{code.id} {code.name}]", style).add(f": {headline}", "headline")
    yield from (Row().add(line, "headline") for line in more)

    by_source: dict[Source, list[Mark]] = {}
    primary = diagnostic.span
    by_source[primary.source] = [mark(primary, diagnostic.label, style, True)]
    for label in diagnostic.labels:
        by_source.setdefault(label.span.source, []).append(mark(label.span, label.text, "label", False))
    edits = diagnostic.fix.edits if diagnostic.fix else ()
    last = [m.last for marks in by_source.values() for m in marks]
    last += [edit.span.source.position(edit.span.end)[0] for edit in edits]
    gutter = Gutter(len(str(max(last))))

    for source, marks in by_source.items():
        places = (primary, *(label.span for label in diagnostic.labels))
        place = next(span for span in places if span.source is source)
        yield gutter.arrow("-->" if place is primary else ":::", str(place))
        yield gutter.row()
        yield from excerpt(source, marks, gutter)
    for note in (*diagnostic.notes, *chain_notes(diagnostic.chain)):
        yield from _remark(gutter, "note", note)
    for text in diagnostic.helps:
        yield from _remark(gutter, "help", text)
    if diagnostic.fix:
        yield from _fix_rows(gutter, diagnostic.fix, primary.source)


def chain_notes(chain: tuple[Frame, ...]) -> Iterator[str]:
    """Where the block was used, innermost use first; the middle of a long chain is only counted."""
    shown: Iterable[Frame | None] = chain
    left_out = len(chain) - CHAIN
    if left_out > 1:  # to leave out one would save nothing
        shown = (*chain[: CHAIN - 2], None, *chain[-2:])
    for frame in shown:
        if frame is None:
            yield f"… {left_out} more uses …"
        else:
            yield f"in `{frame.what}`, used at {frame.span}"


def _remark(gutter: Gutter, kind: str, text: str) -> Iterator[Row]:
    first, *more = printable(text).split("\n")
    row = Row().add(" " * gutter.width + " = ", "gutter").add(f"{kind}:", kind).add(f" {first}")
    yield row
    for line in more:
        yield Row().put(gutter.width + 3 + len(kind) + 2, line)


def _fix_rows(gutter: Gutter, fix: Fix, at: Source) -> Iterator[Row]:
    """The title as a help, and the lines before and after."""
    yield from _remark(gutter, "help", fix.title + (" (`fanin check --fix` does it)" if fix.safe else ""))
    by_source: dict[Source, list[Edit]] = {}
    for edit in fix.edits:
        by_source.setdefault(edit.span.source, []).append(edit)
    for source, edits in by_source.items():
        if source is not at:
            yield gutter.arrow(":::", str(edits[0].span))
        yield from _edit_rows(gutter, source, sorted(edits, key=lambda e: e.span[1:]))


def _edit_rows(gutter: Gutter, source: Source, edits: list[Edit]) -> Iterator[Row]:
    """The lines that edits (in order, of one source) take out and put in."""
    groups: list[list[Edit]] = []
    for edit in edits:
        line = source.position(edit.span.start)[0]
        if groups and source.position(groups[-1][-1].span.end)[0] >= line:
            groups[-1].append(edit)
        else:
            groups.append([edit])
    for group in groups:
        first = source.position(group[0].span.start)[0]
        last = source.position(group[-1].span.end)[0]
        start = group[0].span.start - source.position(group[0].span.start)[1] + 1
        end = source.position(group[-1].span.end)
        stop = group[-1].span.end - end[1] + 1 + len(source.line(last))
        new, done = "", start
        for edit in group:
            new += source.text[done : edit.span.start] + edit.text
            done = edit.span.end
        new += source.text[done:stop]
        old_lines = [source.line(number) for number in range(first, last + 1)]
        new_lines = new.replace("\r\n", "\n").split("\n")
        while old_lines and new_lines and old_lines[-1] == new_lines[-1]:
            del old_lines[-1], new_lines[-1]
        while old_lines and new_lines and old_lines[0] == new_lines[0]:
            first += 1
            del old_lines[0], new_lines[0]
        yield from _changed(gutter, first, old_lines, "-", new_lines)
        yield from _changed(gutter, first, new_lines, "+", old_lines)


def _changed(gutter: Gutter, first: int, lines: list[str], sign: str, others: list[str]) -> Iterator[Row]:
    style = "removed" if sign == "-" else "added"
    for at, line in enumerate(lines):
        if at == _FIX_LINES and len(lines) > _FIX_LINES + 1:
            yield gutter.row(None, sign, style).add(f"… {len(lines) - at} more lines", style)
            return
        spans = [_difference(line, others[at])] if at < len(others) else []
        yield gutter.row(first + at, sign, style).add(view(line, spans).text, style)


def _difference(line: str, other: str) -> tuple[int, int]:
    """The part of ``line`` that ``other`` does not have at the same place, from either end."""
    start, end, short = 0, len(line), len(other)
    while start < min(end, short) and line[start] == other[start]:
        start += 1
    while end > start and short > start and line[end - 1] == other[short - 1]:
        end, short = end - 1, short - 1
    return start, end
