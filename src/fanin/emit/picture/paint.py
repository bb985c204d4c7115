"""Colour that says something: what is drawn gets shades by a ``Paint``, and the picture a legend of them.

A picture asks its paint about each line of an op and each closed part; one that knows nothing of it answers None, and
the line keeps the tint of its family. What paints there are is said by ``pipeline.draw``.
"""

from __future__ import annotations

from typing import Protocol

from fanin.ir.dims import Dim
from fanin.record import record


@record
class Spot:
    """What a line or a closed part stands for, in all its turns.

    ``paths`` are those of the modules, or of the names of what functions give, in the order of the turns; a function
    whose result has no name has none. ``parameters`` and ``flops`` are of all turns, and of all repetitions around
    them, the latter in the letters of the model for the batch that is asked for.
    """

    paths: tuple[str, ...]
    parameters: int
    flops: Dim


@record
class Shade:
    """A colour (``#ffeda0``) that black text can be read on, and what the tooltip says of it."""

    colour: str
    hint: str = ""


@record
class Legend:
    """What colours mean: a headline, and each with its words."""

    title: str
    entries: tuple[tuple[str, str], ...]


class Paint(Protocol):
    """Colours for one program."""

    @property
    def legend(self) -> Legend: ...

    def shade(self, spot: Spot) -> Shade | None:
        """The colour of a spot; None where nothing is known of it."""
