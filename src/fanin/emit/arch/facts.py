"""What may be different in the spec that is written from what was read."""

from __future__ import annotations

from typing import Any, Protocol

from fanin.ir.dims import Dim
from fanin.ir.graph import Graph, Leaf, Node
from fanin.ops.contract import OpAttrs


class Changes(Protocol):
    """Sizes and attributes after a change, by the place of what they belong to."""

    def attributes(self, scope: str, node: Node) -> OpAttrs | tuple[str, OpAttrs]:
        """Those of an op; of another op, where it has become one."""

    def leaf(self, path: str, leaf: Leaf) -> OpAttrs:
        """Those of a module."""

    def replaced(self, path: str) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        """The block of ``std.pruned`` that a module has become, and its arguments."""

    def port(self, scope: str, graph: Graph, index: int) -> tuple[Dim, ...]:
        """The shape of an input of a block."""

    def result(self, scope: str, graph: Graph, index: int) -> tuple[Dim, ...]:
        """The shape of a result of a block."""

    def state(self, key: str, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The shape of a parameter."""
