"""How long values live in the emitted code: which have a variable, and when it is bound again.

A value that the spec names, that is read twice or that ends a line has a variable; what stands inside an expression
lives until it was read. Where lines end is as ``emit.torch.forward`` has it: behind three nested calls, and where a
layer follows an activation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fanin.analyses.storage import Tensor
from fanin.ir.graph import Apply, Call, Choice, Graph, Iterate, Node, Repeat, Scan, Update, Value
from fanin.record import record

_DEEPEST = 3


@record
class _Pending:
    """A value that has no variable yet: how many calls are nested in it, and whether an activation is the last."""

    depth: int
    active: bool


class Names:
    """The variables of a function while it runs. What is returned is to be let go of."""

    def __init__(self, graph: Graph, nodes: Sequence[Node]) -> None:
        self.names = graph.names
        steps = (n for n in nodes if isinstance(n, Apply) and n.module is None)
        self.lines = graph.kind != "composition" or any(n.op.module is None for n in steps)  # no ``nn.Sequential``
        reads = [v.index for node in nodes for v in node.inputs if isinstance(v, Value)]
        results = [r.value.index for r in graph.results if isinstance(r.value, Value)]
        self.uses = Counter([*reads, *results])
        self.last = {v.index: i for i, node in enumerate(nodes) for v in node.inputs if isinstance(v, Value)}
        self.last.update(dict.fromkeys(results, len(nodes)))
        self.wanted: dict[int, str] = {}  # the name that a row of steps ends in
        for node in reversed(nodes):
            first = node.inputs[0] if node.inputs else None
            if len(node.outputs) == 1 and isinstance(first, Value) and self.uses[first.index] == 1:
                given = node.outputs[0].index
                self.wanted[first.index] = self.names.get(given) or self.wanted.get(given, "")
        self.bound: dict[str, tuple[int, Tensor]] = {}
        self.held: dict[int, Tensor] = {}
        self.pending: dict[int, _Pending] = {}

    def begin(self, i: int, node: Node, values: Mapping[int, Tensor]) -> list[Tensor]:
        """A node is about to run: the line before it may end."""
        mine = [v.index for v in node.inputs if isinstance(v, Value) and v.index in self.pending]
        statement = isinstance(node, (Scan, Iterate, Choice, Update))
        layer = isinstance(node, (Call, Repeat)) or (isinstance(node, Apply) and node.module is not None)
        group = layer and any(self.pending[m].active and self.pending[m].depth >= 2 for m in mine)
        if not (self.lines and mine and (statement or group or self._depth(node) > _DEEPEST)):
            return []
        freed: list[Tensor] = []
        for index in mine:
            del self.pending[index]
            freed += self._bind("", index, self.held.pop(index), i)
        return freed

    def end(self, i: int, node: Node, values: Mapping[int, Tensor]) -> list[Tensor]:
        """A node has run: its results are bound, and what nobody reads any more is let go of."""
        freed: list[Tensor] = []
        depth = self._depth(node)
        single = len(node.outputs) == 1
        for value in node.outputs:
            index, tensor = value.index, values[value.index]
            name = self.names.get(index, "")
            if index not in self.uses:
                freed.append(tensor)
            elif self.lines and (name or self.uses[index] > 1 or not single):
                freed += self._bind(name, index, tensor, i)
            else:
                self.held[index] = tensor
                self.pending[index] = _Pending(depth, isinstance(node, Apply) and node.module is None)
        for operand in node.inputs:
            if isinstance(operand, Value) and self.last[operand.index] == i:
                self.pending.pop(operand.index, None)
                gone = self.held.pop(operand.index, None)
                freed += [] if gone is None else [gone]
        return freed

    def left(self) -> list[Tensor]:
        """What is let go of when the function returns."""
        return [*(tensor for _, tensor in self.bound.values()), *self.held.values()]

    def _bind(self, name: str, index: int, tensor: Tensor, i: int) -> list[Tensor]:
        if not name:
            name = self.wanted.get(index, "")
            if name in self.bound and self.last.get(self.bound[name][0], 0) > i:
                name = str(index)  # what the usual name holds is read later
        old = self.bound.pop(name, None)
        self.bound[name] = (index, tensor)
        return [] if old is None else [old[1]]

    def _depth(self, node: Node) -> int:
        inner = [self.pending[v.index].depth for v in node.inputs if isinstance(v, Value) and v.index in self.pending]
        infix = isinstance(node, Apply) and node.module is None and hasattr(node.op, "title")
        return max(inner, default=0) + (not infix)
