"""Sequential depth: the longest chain of ops that wait for each other, in the open dimensions.

Ops that only look at numbers another way (views: reshapes, slices, transposes) wait for nothing and count 0, all others
1. A repetition counts its places, a recurrence its steps: what a chain of states goes through at every step, and what
comes before and after it once. So attention is deep as its layers, whatever T; a recurrence is T times its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fanin.analyses.walk import Sizes, Walk
from fanin.ir.dims import Dim, expand, maximum
from fanin.ir.graph import Apply, Ensemble, Graph, Iterate, Node, Scan
from fanin.ir.types import TensorType
from fanin.ops.sees import Use

Level: TypeAlias = "tuple[Dim, tuple[tuple[int, Dim], ...]]"
"""How many ops lie before a value, and before it on the way from each state that is carried on."""

_NONE: Level = (0, ())


def depth_of(graph: Graph, training: bool = False) -> Dim:
    """The longest chain of ops from the inputs, or from a parameter, to a result of a graph."""
    given = [_NONE for port in graph.ports if port.value is not None]
    levels = Chains(training).graph(graph, given, {})
    return expand(maximum(0, *(level[0] for level in levels)))


class Chains(Walk[Level]):
    """How many ops lie before each value."""

    states = 0

    def apply(self, node: Apply, attrs: Any, use: Use, inputs: Sequence[Level | None]) -> list[Level]:
        said = node.op.sees(attrs, use)
        first = said[0] if isinstance(said, tuple) else said
        return [_later(_all(inputs), 0 if first.moves else 1)] * len(use.outs)

    def scalar(self, value: Any) -> Level:
        return _NONE

    def read(self, type_: TensorType) -> Level:
        return _NONE

    def either(self, a: Level, b: Level, type_: TensorType) -> Level:
        return _all((a, b))

    def opaque(
        self, node: Node, types: Sequence[TensorType | None], inputs: Sequence[Level | None], outs: Sequence[TensorType]
    ) -> list[Level]:
        return [_later(_all(inputs), 1)] * len(outs)

    def ensemble(self, node: Ensemble, use: Use, inputs: Sequence[Level | None], sizes: Sizes) -> list[Level]:
        return self.graph(node.graph, inputs, sizes)

    def scan(self, node: Scan, use: Use, inputs: Sequence[Level | None], sizes: Sizes) -> list[Level]:
        first = next((use.types[i] for i in node.sequences if use.types[i] is not None), None)
        steps = node.steps if first is None else first.shape[node.axis % first.rank]
        return self._turns(node, node.states, steps, inputs, sizes, len(use.outs))

    def iterate(self, node: Iterate, use: Use, inputs: Sequence[Level | None], sizes: Sizes) -> list[Level]:
        return self._turns(node, node.states, node.limit, inputs, sizes, len(use.outs))

    def _turns(
        self,
        node: Scan | Iterate,
        states: Sequence[int],
        steps: Dim,
        inputs: Sequence[Level | None],
        sizes: Sizes,
        outs: int,
    ) -> list[Level]:
        """So many turns: the longest way from state to state each time, and the ways in and out once."""
        names = [port.name for port in node.graph.ports if port.value is not None]
        start = _all(inputs)
        marks = {names[i]: self.states + n + 1 for n, i in enumerate(states)}
        self.states += len(states)
        given: list[Level | None] = []
        for i, level in enumerate(inputs):
            given.append((0, ((marks[names[i]], 0),)) if i in states else None if level is None else _NONE)
        made = self.graph(node.graph, given, sizes)
        self.states -= len(states)
        named = {r.name: level for r, level in zip(node.graph.results, made, strict=True)}
        own = set(marks.values())
        carried = [d for name in marks for mark, d in named[name][1] if mark in own]
        each = maximum(0, *carried) if carried else 0  # no way from state to state: the steps do not wait
        last = [maximum(level[0], 0) for level in made]
        turns = (steps - 1) * each if carried else 0
        whole = maximum(*last) if last else 0
        return [_later(start, expand(turns + whole))] * outs


def _all(levels: Sequence[Level | None]) -> Level:
    """After all of these."""
    deepest: Dim = 0
    marks: dict[int, Dim] = {}
    for level in levels:
        if level is None:
            continue
        deepest = maximum(deepest, level[0])
        for mark, d in level[1]:
            marks[mark] = maximum(marks.get(mark, 0), d)
    return deepest, tuple(sorted(marks.items()))


def _later(level: Level, by: Dim) -> Level:
    if by == 0:
        return level
    return level[0] + by, tuple((mark, d + by) for mark, d in level[1])
