"""What of a graph some of its values need."""

from __future__ import annotations

from collections.abc import Iterable

from fanin.ir.graph import Node, Operand, Value, acts


def live_nodes(nodes: Iterable[Node], wanted: Iterable[Operand]) -> tuple[Node, ...]:
    """The nodes that ``wanted`` hang on, and those that act, in their order."""
    needed = {o.index for o in wanted if isinstance(o, Value)}
    kept: list[Node] = []
    for node in reversed(tuple(nodes)):
        if acts(node) or any(v.index in needed for v in node.outputs):
            kept.append(node)
            needed.update(o.index for o in node.inputs if isinstance(o, Value))
    return tuple(reversed(kept))
