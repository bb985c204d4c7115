"""Documents that know where they may break, and their rendering to a given width.

A document is text, a sequence, or one of the three classes here. A group is printed flat where it fits; where it
doesn't, or must not, every line of its own breaks. Lines are indented from the line on which their group begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from fanin.record import record

WIDTH = 120


@record
class Line:
    """A place to break. ``flat`` is what stands there otherwise."""

    flat: str = " "
    hard: bool = False  # always breaks
    fill: bool = False  # in a broken group, breaks only where what follows doesn't fit
    closing: bool = False  # goes back to where the group's line began


@record
class IfBroken:
    text: str


@record
class Beside:
    """A comment at the end of a line: no reason to break anything."""

    text: str


@record
class Group:
    parts: Sequence[Doc]
    hang: int
    forced: bool = False


Doc = Union[  # noqa: UP007  (a forward reference can't be joined by `|`)
    str, Line, IfBroken, Beside, Group, Sequence["Doc"]
]
HARD = Line(hard=True)

_Entry = tuple[bool, int, int, Doc]  # broken, where its group's line began, its group's own indent, what


def render(doc: Doc, indent: int) -> list[str]:
    """The lines of the document, the first one without its indent."""
    lines: list[str] = []
    line = ""
    margin = indent
    stack: list[_Entry] = [(True, indent, indent, doc)]
    while stack:
        broken, base, inner, part = stack.pop()
        if isinstance(part, str):
            line += part
        elif isinstance(part, Group):
            forced = part.forced
            room = WIDTH - len(line) - (0 if lines else indent)
            if not forced:
                forced = not _fits(room, [(False, 0, 0, entry) for entry in reversed(part.parts)], stack)
            stack.extend((forced, margin, margin + part.hang, entry) for entry in reversed(part.parts))
        elif isinstance(part, Line):
            room = WIDTH - len(line) - len(part.flat) - (0 if lines else indent)
            if part.hard or (broken and not (part.fill and _fits(room, [], stack))):
                lines.append(line.rstrip())
                margin = base if part.closing else inner
                line = " " * margin
            else:
                line += part.flat
        elif isinstance(part, IfBroken):
            line += part.text if broken else ""
        elif isinstance(part, Beside):
            line += f"  {part.text}"
        else:
            stack.extend((broken, base, inner, entry) for entry in reversed(part))
    return [*lines, line.rstrip()]


def _fits(room: int, first: list[_Entry], rest: list[_Entry]) -> bool:
    """Whether the text up to the next line break fits."""
    stack = first
    at = len(rest)
    while room >= 0:
        if not stack:
            if not at:
                return True
            at -= 1
            stack.append(rest[at])
        broken, base, inner, part = stack.pop()
        if isinstance(part, str):
            room -= len(part)
        elif isinstance(part, Line):
            if part.hard or broken:
                return True
            room -= len(part.flat)
        elif isinstance(part, Group):
            stack.extend((part.forced, base, inner, entry) for entry in reversed(part.parts))
        elif isinstance(part, IfBroken):
            room -= len(part.text) if broken else 0
        elif not isinstance(part, Beside):
            stack.extend((broken, base, inner, entry) for entry in reversed(part))
    return False
