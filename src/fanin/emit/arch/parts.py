"""Text with numbers left open, so that what differs in numbers alone can be written once.

A text is a list of parts: plain strings, ``Number`` (one that may become a hyper-parameter), ``Made`` (a use of a block
that is written elsewhere) and ``Stages`` (modules in a row, equal neighbours of which are a repetition).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, TypeAlias

from fanin.record import record


class CannotWrite(Exception):
    """Something that has no form as text yet; the message says what."""


@record
class Number:
    """A whole number, and what it would be called as a hyper-parameter."""

    value: int
    hint: str


@record(eq=False, frozen=False)
class Made:
    """A use of a draft: ``Name(…)``; of a function, what stands behind its tensors. ``told``: its open sizes."""

    draft: Any
    told: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()  # the modules that it borrows


@record
class Stages:
    """Modules one after the other; ``row``: a repetition, where all of them are equal, needs no brackets."""

    stages: tuple[Text, ...]
    row: bool


Part: TypeAlias = "str | Number | Made | Stages"
Text: TypeAlias = "tuple[Part, ...]"

HOLE = "\x00"


@record
class Flat:
    """A text with ``HOLE`` for each number."""

    pattern: str
    numbers: tuple[Number, ...]


def flat(text: Iterable[Part], made: Callable[[Made], Flat]) -> Flat:
    """The text as one string and its numbers; ``made`` says how a use of a block is written."""
    pattern: list[str] = []
    numbers: list[Number] = []
    for part in text:
        if isinstance(part, str):
            pattern.append(part)
        elif isinstance(part, Number):
            pattern.append(HOLE)
            numbers.append(part)
        else:
            inner = made(part) if isinstance(part, Made) else _stages(part, made)
            pattern.append(inner.pattern)
            numbers += inner.numbers
    return Flat("".join(pattern), tuple(numbers))


def _stages(part: Stages, made: Callable[[Made], Flat]) -> Flat:
    written = [flat(stage, made) for stage in part.stages]
    runs: list[tuple[int, Flat]] = []
    for (_, _, labelled), group in groupby(written, key=lambda f: (f.pattern, _values(f), _labelled(f))):
        same = list(group)
        runs += [(1, f) for f in same] if labelled else [(len(same), same[0])]
    alone = part.row and len(runs) == 1
    if not part.row and len(runs) == 1:  # a repetition in brackets would be a level of its own
        runs = [(1, f) for f in written]
    texts = []
    for count, f in runs:
        many = f"{count} * " if count > 1 or alone else ""
        bracket = many and " -> " in f.pattern and not f.pattern.startswith("(")
        texts.append(Flat(f"{many}({f.pattern})" if bracket else f"{many}{f.pattern}", f.numbers))
    pattern = " -> ".join(f.pattern for f in texts)
    return Flat(pattern if alone else f"({pattern})", tuple(n for f in texts for n in f.numbers))


def _values(f: Flat) -> tuple[int, ...]:
    return tuple(n.value for n in f.numbers)


def _labelled(f: Flat) -> bool:
    head = f.pattern.split("(")[0]
    return ":" in head


def filled(f: Flat, texts: Iterable[str]) -> str:
    """The text with something in its holes."""
    given = iter(texts)
    return "".join(next(given) if c == HOLE else c for c in f.pattern)
