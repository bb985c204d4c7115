"""One of several graphs that an instance runs, with its statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fanin.emit.torch.forward import Forward
from fanin.emit.torch.statements import Statement
from fanin.ir.dims import Dim, Symbol
from fanin.ir.graph import Graph

ANY_SIZE = Symbol("_").poly
"""In a docstring, a size that is not the same in all of them."""


@dataclass
class Version:
    """What one graph of an instance computes."""

    graph: Graph
    writer: Forward
    body: list[Statement]
    parameters: tuple[tuple[str, str], ...]
    like: bool
    training: bool
    sizes: tuple[Symbol, ...]
    absent: tuple[int, ...] = ()  # which tensors of the class it is not given

    def preamble(self) -> list[Statement]:
        """The sizes that the statements read off the inputs."""
        return [*self.writer.scope.setup, *self.writer.sizes.preamble()]


def common_letters(versions: Sequence[Version], graph: Graph) -> tuple[tuple[str, Dim], ...]:
    """The letters that stand for one number in all graphs."""
    tables = [dict(v.graph.letters) for v in versions]
    return tuple(
        (letter, size)
        for letter, size in graph.letters
        if isinstance(size, int) and all(table.get(letter) == size for table in tables)
    )
