"""Where text comes from: a source file and the spans in it."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from fanin.record import field, record


@record(eq=False)
class Source:
    """One spec file. ``name`` is what messages print: the path as the user wrote it, or ``<string>``."""

    name: str
    text: str
    _starts: list[int] = field(default_factory=list, repr=False)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a code point, both from 1."""
        if not self._starts:
            self._starts.append(0)
            at = self.text.find("\n")
            while at != -1:
                self._starts.append(at + 1)
                at = self.text.find("\n", at + 1)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, from 1, without its line break."""
        self.position(0)
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


class Span(NamedTuple):
    """The code points ``start`` to ``end`` (exclusive) of a source. A tuple, since every tree node makes one."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of ``other``."""
        return Span(self.source, self.start, other.end)
