"""Why a text is not changed."""

from __future__ import annotations

from fanin.source import Span


class CannotResize(Exception):
    """The widths after a cut have no place in the parent's text; the message says which."""


class Elsewhere(Exception):
    """A text that has to change is of the library: its block has to be in the file first."""

    def __init__(self, spans: tuple[Span, ...], imports: tuple[str, ...] = ()) -> None:
        super().__init__(", ".join(str(span) for span in spans))
        self.spans = spans
        self.imports = imports  # blocks of ``std.pruned`` that the text will name
