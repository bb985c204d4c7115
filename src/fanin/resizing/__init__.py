"""The text of a network after a cut: the parent's own, with other widths.

The spec is gathered in one file, each place of the text that says a width of something cut is found, and the fewest
numbers are changed that give all of them; what one block says for several instances of different widths becomes a
hyper-parameter of it. What comes out is held to the cut, op by op, by ``agreement``.
"""

from fanin.resizing.bundle import Bundle
from fanin.resizing.problems import CannotResize, Elsewhere

__all__ = ["Bundle", "CannotResize", "Elsewhere"]
