"""A graph as rules want to see it: which op gave a tensor, and which ops read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanin.ir.facts import Facts
from fanin.ir.graph import Apply, Graph, Node, Operand, Value
from fanin.source import Span

ACTIVATIONS = frozenset(
    (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid",
        "softplus", "softsign", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid",
    )
)  # fmt: skip
DROPOUTS = frozenset(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"))
LAYERS = frozenset(("Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"))
BATCH_NORMS = frozenset(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"))
MOVES = frozenset(
    ("reshape", "flatten", "Flatten", "unflatten", "squeeze", "unsqueeze", "identity", "transpose", "permute")
)
NEVER_BELOW = frozenset(
    ("relu", "relu6", "sigmoid", "hardsigmoid", "softplus", "exp", "square", "abs", "softmax", "sqrt", "norm")
)
"""Ops that give nothing below 0."""


class Flow:
    """The applications of ops in a graph, by what they give and by what they read."""

    def __init__(self, graph: Graph, facts: Facts | None = None) -> None:
        self.graph = graph
        self.facts = facts or Facts()
        self.nodes = graph.nodes
        self.ops: list[Apply] = [n for n in graph.nodes if isinstance(n, Apply)]
        self._makers: dict[int, Node] = {v.index: n for n in graph.nodes for v in n.outputs}
        self._readers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for operand in node.inputs:
                if isinstance(operand, Value):
                    self._readers.setdefault(operand.index, []).append(node)

    def named(self, *names: str) -> Iterator[Apply]:
        """The applications of ops of these names."""
        return (n for n in self.ops if n.op.name in names)

    def maker(self, operand: Operand | None, through: frozenset[str] = frozenset()) -> Apply | None:
        """The op that gave a tensor, seen through ops of these names; None for what is no op of this graph."""
        while isinstance(operand, Value):
            node = self._makers.get(operand.index)
            if not isinstance(node, Apply):
                return None
            if node.op.name not in through:
                return node
            operand = node.inputs[0]
        return None

    def made(self, operand: Operand | None) -> Node | None:
        """The node that gave a tensor, an op or not."""
        return self._makers.get(operand.index) if isinstance(operand, Value) else None

    def readers(self, node: Node) -> list[Node]:
        """Who reads what a node gives."""
        return [r for v in node.outputs for r in self._readers.get(v.index, ())]


def piped(before: Node, node: Node) -> Span | None:
    """The text from the arrow to the end of a step of a pipe, where the step before it is that which is written there.

    Then the one always follows the other, whatever a block is used with.
    """
    a, b = before.span, node.span
    between = a.source.text[a.end : b.start]
    if a.source is not b.source or between.strip() != "->":
        return None
    return Span(b.source, a.end + len(between) - len(between.lstrip()), b.end)


def written(node: Apply) -> str:
    """An op as messages call it: as it stands in the spec."""
    text = " ".join(node.span.text.split())
    return text if len(text) <= 40 else text[:37] + "…"


def size(value: Any) -> int | None:
    return value if isinstance(value, int) else None
