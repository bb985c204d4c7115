"""Where the characters of a source line land on a terminal: tabs, wide characters, lines too long to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fanin.record import record

TAB = 4
ROOM = 110  # columns of source text; beyond them a line is shown around its spans only
CONTEXT = 24  # columns kept on each side of a span in such a line
_CUT = "…"


@record
class View:
    """A line as it is shown, and the terminal column of each of its code points (and of its end)."""

    text: str
    columns: Sequence[int]

    def column(self, at: int) -> int:
        return self.columns[min(at, len(self.columns) - 1)]


def view(line: str, spans: Iterable[tuple[int, int]] = ()) -> View:
    """``line`` with tabs set out, and cut around ``spans`` (code points from 0) where it is too long."""
    if line.isascii() and line.isprintable() and len(line) <= ROOM:
        return View(line, range(len(line) + 1))
    shown = [_shown(char, 0) for char in line]
    keep = [(0, len(line))]
    if sum(width for _, width in shown) > ROOM:
        keep = _kept(len(line), list(spans))
    parts: list[str] = []
    columns: list[int] = []
    column = 0
    done = 0
    for start, end in keep:
        if start > done:  # what is left out is one sign, and every code point in it lies there
            columns += [column] * (start - done)
            parts.append(_CUT)
            column += 1
        for char in line[start:end]:
            columns.append(column)
            text, width = _shown(char, column)
            parts.append(text)
            column += width
        done = end
    if done < len(line):
        columns += [column] * (len(line) - done)
        parts.append(_CUT)
    return View("".join(parts), [*columns, column])


def printable(text: str) -> str:
    """``text`` without what could steer a terminal: control characters and changes of direction."""
    if text.isprintable():
        return text
    return "".join(char if char == "\n" else _shown(char, 0)[0] for char in text)


def _shown(char: str, column: int) -> tuple[str, int]:
    """How a character is shown at a column, and how wide."""
    if char.isascii():
        if char.isprintable():
            return char, 1
        if char == "\t":
            width = TAB - column % TAB
            return " " * width, width
        return chr(0x2400 + ord(char)) if ord(char) < 32 else "␡", 1
    import unicodedata

    category = unicodedata.category(char)
    if category in ("Mn", "Me"):
        return char, 0
    if not char.isprintable() and category != "Zs":
        return "\ufffd", 1
    return char, 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _kept(length: int, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of a long line to show: around each span; of a long span, its two ends."""
    wanted: list[tuple[int, int]] = []
    for start, end in spans:
        if end - start <= ROOM // 2:
            wanted.append((start - CONTEXT, end + CONTEXT))
        else:
            wanted += [(start - CONTEXT, start + CONTEXT), (end - CONTEXT, end + CONTEXT)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(wanted or [(0, ROOM)]):
        start = start if start > 3 else 0  # to leave out three signs for one is no help
        end = end if end < length - 3 else length
        if merged and start <= merged[-1][1] + 3:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
