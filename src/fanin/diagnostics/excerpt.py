"""The lines of a source with marks under them: the middle of a rendered message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fanin.diagnostics.columns import View, printable, view
from fanin.record import field, record
from fanin.source import Source, Span

_INSIDE = 4  # lines of a longer span that are shown between its first and its last


@record(frozen=False)
class Row:
    """A line of output: characters and the style of each. Styles only colour: the text needs none."""

    text: str = ""
    styles: list[str] = field(default_factory=list)

    def put(self, column: int, text: str, style: str = "") -> Row:
        """Write ``text`` over what stands at ``column``."""
        end = column + len(text)
        self.styles += [""] * (end - len(self.styles))
        self.styles[column:end] = [style] * len(text)
        self.text = self.text.ljust(column)[:column] + text + self.text[end:]
        return self

    def add(self, text: str, style: str = "") -> Row:
        return self.put(len(self.text), text, style)

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Runs of (style, text)."""
        start = 0
        text = self.text.rstrip()
        for at in range(1, len(text) + 1):
            if at == len(text) or self.styles[at] != self.styles[start]:
                yield self.styles[start], text[start:at]
                start = at

    def __str__(self) -> str:
        return self.text.rstrip()


@record
class Mark:
    """A span by lines (from 1) and code points in them (from 0), and what is said at it."""

    first: int
    start: int
    last: int
    end: int
    text: str
    style: str
    primary: bool

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"


def mark(span: Span, text: str, style: str, primary: bool) -> Mark:
    """The mark of a span. One that ends with a line break ends before it; an empty one still has a sign."""
    source = span.source
    start = min(max(span.start, 0), len(source.text))
    end = min(max(span.end, start), len(source.text))
    while end > start + 1 and source.text[end - 1] in "\r\n":
        end -= 1
    first, column = source.position(start)
    last, end_column = source.position(end)
    return Mark(first, column - 1, last, end_column - 1, printable(text), style, primary)


class Gutter:
    """Makes rows with a line number, or none, before them."""

    def __init__(self, width: int) -> None:
        self.width = width

    def row(self, number: int | None = None, sign: str = "|", style: str = "gutter") -> Row:
        digits = "" if number is None else str(number)
        return Row().add(f"{digits:>{self.width}} {sign} ", style)

    def arrow(self, sign: str, place: str) -> Row:
        return Row().add(" " * self.width + sign, "gutter").add(f" {printable(place)}")


def excerpt(source: Source, marks: list[Mark], gutter: Gutter) -> Iterator[Row]:
    """Every line with a mark, with its number, and its marks and what they say below it."""
    tall = [m for m in marks if m.last > m.first]
    begun: set[int] = set()  # the lanes in use, by their place in `tall`
    for number in _lines(marks):
        if number is None:
            yield Row().add("...", "gutter")
            continue
        here = [m for m in marks if m.first == m.last == number]
        ends = [m for m in tall if number in (m.first, m.last)]
        spans = [(m.start, m.end) for m in here]
        spans += [(m.start, m.start + 1) if m.first == number else (m.end - 1, m.end) for m in ends]
        line = source.line(number)
        shown = view(line, spans)
        row = gutter.row(number)
        # A lone span that begins its line needs no row to show where.
        alone = len(tall) == 1 and tall[0].first == number and not line[: tall[0].start].strip()
        heads = {0} if alone else set()
        _lanes(row, tall, begun, heads)
        yield row.add(shown.text)
        begun |= heads
        base = gutter.width + 3 + 2 * len(tall)
        for below in _single(here, shown):
            yield _joined(_lanes(gutter.row(), tall, begun), below)
        for at, m in enumerate(tall):
            if m.first == number and at not in heads:
                row = _lanes(gutter.row(), tall, begun)
                yield _reach(row, gutter, at, base + shown.column(m.start), m, " ")
                begun.add(at)
            if m.last == number:
                row = _lanes(gutter.row(), tall, begun)
                row = _reach(row, gutter, at, base + max(shown.column(m.end) - 1, 0), m, "|")
                yield row.add(f" {m.text}", m.style) if m.text else row
                begun.discard(at)


def _lines(marks: Iterable[Mark]) -> Iterator[int | None]:
    """The numbers of the lines to show, in order; None where the middle of a long span is left out."""
    wanted: set[int] = set()
    for m in marks:
        wanted |= {m.first, m.last}
        if m.last - m.first - 1 <= _INSIDE:
            wanted |= set(range(m.first, m.last))
        else:
            wanted |= {m.first + 1, m.first + 2, m.last - 1}
    before = 0
    for number in sorted(wanted):
        if before and number > before + 1 and any(m.first <= before and number <= m.last for m in marks):
            yield None
        yield number
        before = number


def _lanes(row: Row, tall: list[Mark], begun: set[int], heads: Iterable[int] = ()) -> Row:
    """Two columns for each span of several lines: its bar, or `/` where it begins."""
    for at, m in enumerate(tall):
        row.add("/ " if at in heads else "| " if at in begun else "  ", m.style)
    return row


def _reach(row: Row, gutter: Gutter, lane: int, to: int, m: Mark, sign: str) -> Row:
    """A line from the lane of a span to its first or last character."""
    start = gutter.width + 3 + 2 * lane
    return row.put(start, sign + "_" * (to - start - 1) + m.sign, m.style)


def _joined(row: Row, below: Row) -> Row:
    for style, text in below.pieces():
        row.add(text, style)
    return row


def _single(marks: list[Mark], shown: View) -> Iterator[Row]:
    """The rows under a line: signs, the text of the last of them behind it, the other texts hanging below."""
    if not marks:
        return
    placed = []
    for m in marks:
        start = shown.column(m.start)
        placed.append((start, max(shown.column(m.end), start + 1), m))
    signs = Row()
    for start, end, m in sorted(placed, key=lambda p: p[2].primary):  # the primary one on top
        signs.put(start, m.sign * (end - start), m.style)
    furthest = max(end for _, end, _ in placed)
    beside = max((p for p in placed if p[1] == furthest), key=lambda p: (p[0], p[2].primary))
    if beside[2].text:
        signs.put(furthest + 1, beside[2].text.split("\n", 1)[0], beside[2].style)
    yield signs
    hanging = sorted((p for p in placed if p is not beside and p[2].text), key=lambda p: -p[0])
    if hanging:
        bars = Row()
        for start, _, m in hanging:
            bars.put(start, "|", m.style)
        yield bars
    for at, (start, _, m) in enumerate(hanging):
        row = Row()
        for left, _, other in hanging[at + 1 :]:
            if left < start:
                row.put(left, "|", other.style)
        yield row.put(start, m.text, m.style)
