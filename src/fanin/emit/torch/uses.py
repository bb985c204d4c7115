"""How a graph is used by the classes around it, once its own class or function is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fanin.emit.torch.authored import Number
from fanin.ir.dims import Symbol
from fanin.record import record
from fanin.source import Span


class EmitError(Exception):
    """Something that the writer cannot put into PyTorch. The message is for the author of the spec."""

    def __init__(self, message: str, span: Span | None = None) -> None:
        super().__init__(message)
        self.message, self.span = message, span


@record
class Use:
    """The class or function that a graph becomes, and the numbers it is given for this graph.

    ``like`` and ``training`` say that it takes these as further arguments, after the tensors and borrowed modules.
    ``ties`` are borrowed modules that the constructor takes, since it ties parameters to theirs.
    """

    name: str
    parameters: tuple[str, ...] = ()
    arguments: tuple[Number, ...] = ()
    like: bool = False
    training: bool = False
    ties: tuple[str, ...] = ()
    sizes: tuple[Symbol, ...] = ()  # open dimensions that it is told
    places: int = 0  # how many of the arguments have no default, and may go by place
    inline: bool = False  # a composition that becomes an `nn.Sequential` where it is made
    handed: tuple[str, ...] = ()  # modules that the constructor is given, before the numbers
    inner: tuple[str, ...] = ()  # those of a block inside itself, after the numbers
    hypers: tuple[tuple[str, Any], ...] | None = None  # of an extern, all of which go to its class
    absent: tuple[int, ...] = ()  # which tensors of the class this graph is not given

    def tensors(self, given: Sequence[Any], *, drop: bool = False) -> list[Any]:
        """What is given, with None for what is not; ``drop`` leaves that out at the end, where it is the default."""
        found = list(given)
        for at in self.absent:
            found.insert(at, None)
        while drop and found and len(found) - 1 in self.absent:
            found.pop()
        return found

    @property
    def made(self) -> object:
        """How an instance is made: equal for graphs that one instance may run."""
        return self.name, self.handed, self.inner, self.parameters, self.arguments, self.ties, self.inline, self.hypers
