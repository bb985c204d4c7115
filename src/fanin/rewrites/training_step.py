"""One step of training as a graph: the ``train`` lines in their order, each on the weights that those above have left.

What hangs on a weight that was moved is computed again where a later line needs it, with the same random draws;
everything else is computed once. A step holds what its losses need, and the metrics that come of that for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fanin.analyses.hangs_on import hanging, own_weights, random
from fanin.ir.graph import Draws, Graph, Move, Node, Operand, Value
from fanin.ir.live import live_nodes
from fanin.ir.recipe import Measure, System, Target, Train


def training_step(system: System, lines: Sequence[Train], until: Value | None = None) -> Graph:
    """The step in which these lines are due. It has no results: its ``Move`` nodes give what is measured.

    What a stage goes on ``until`` is measured too, as ``UNTIL``: where it comes for nothing, at the latest at the end.
    """
    again = frozenset[int]()
    while True:  # a value is known to be drawn again only after it was computed once
        step = _Step(system, again, until)
        for line in lines:
            step.line(line, is_last=line is lines[-1])
        step.updates()
        if step.drawn_again <= again:
            break
        again |= step.drawn_again
    nodes = tuple(step.nodes)
    return replace(system.graph, nodes=live_nodes(nodes, ()), results=(), names=step.names)


UNTIL = "(until)"  # no name, so that no measure is called so


class _Step:
    def __init__(self, system: System, again: frozenset[int], until: Value | None) -> None:
        self.system, self.again = system, again
        self.until = None if until is None else Measure(UNTIL, "until", until, system.graph.span)
        self.measures = {m.name: m for m in system.measures}
        self.hangs = hanging(system.graph)
        self.buffers = frozenset(state.name for state in system.graph.states if state.kind == "buffer")
        self.nodes: list[Node] = []
        self.names = dict(system.graph.names)
        self.now = {p.value.index: p.value for p in system.graph.ports if p.value is not None}  # values as they stand
        self.made: set[int] = set()  # nodes of the system that were computed, by place
        self.reported: set[str] = set()
        self.drawn_again: frozenset[int] = frozenset()
        self.next = 1 + max((v.index for v in system.graph.values()), default=0)

    def line(self, line: Train, is_last: bool) -> None:
        """What the loss of a line needs, and the move."""
        loss = self.measures[line.loss]
        self._compute([loss.value])
        self.reported.add(loss.name)
        measures = [loss, *self._for_nothing(), *self._condition(is_last and not self.system.updates())]
        values = tuple(self.now[m.value.index] for m in measures)
        self.nodes.append(Move(values, (), line.span, (), tuple(m.name for m in measures), line.span.text))
        moved = {i for i, weights in self.hangs.items() if touched(line.targets, weights)}
        self.now = {i: value for i, value in self.now.items() if i not in moved}

    def updates(self) -> None:
        """What is moved by hand, on the weights that all the lines have left; what was not reported is so now."""
        updates = self.system.updates()
        if not updates:
            return
        left = [m for m in self.measures.values() if m.name not in self.reported]
        left += self._condition(True)
        self._compute([m.value for m in left])
        self._compute([o for node in updates for o in node.inputs if isinstance(o, Value)])
        values = tuple(self.now[m.value.index] for m in left)
        self.nodes.append(Move(values, (), updates[0].span, (), tuple(m.name for m in left), updates[0].span.text))
        for node in updates:
            self.nodes.append(replace(node, inputs=tuple(self._operand(o) for o in node.inputs)))

    def _for_nothing(self) -> Iterator[Measure]:
        """Measures not reported yet that hang on what stands, and on no module of their own."""
        for measure in self.measures.values():
            if measure.name in self.reported or measure.name in self._trained():
                continue
            if not self._is_free(measure.value):
                continue
            self._compute([measure.value])
            self.reported.add(measure.name)
            yield measure

    def _condition(self, is_last: bool) -> Iterator[Measure]:
        """What the stage goes on until, where it comes for nothing or it is time."""
        measure = self.until
        if measure is None or not (is_last or self._is_free(measure.value)):
            return
        self._compute([measure.value])
        self.until = None
        yield measure

    def _is_free(self, value: Value) -> bool:
        """Whether it hangs on what stands and on buffers, without a module or a draw of its own."""
        return not any(own_weights(node) - self.buffers or random(node) for _, node in self._missing([value]))

    def _trained(self) -> set[str]:
        return {line.loss for line in self.system.every_line()}

    def _missing(self, wanted: Iterable[Value]) -> list[tuple[int, Node]]:
        """The nodes that have to be computed for some values, with their places."""
        needed = {v.index for v in wanted}
        found: list[tuple[int, Node]] = []
        for place in reversed(range(len(self.system.graph.nodes))):
            node = self.system.graph.nodes[place]
            if any(v.index in needed and v.index not in self.now for v in node.outputs):
                found.append((place, node))
                needed |= {o.index for o in node.inputs if isinstance(o, Value)}
        return found[::-1]

    def _compute(self, wanted: Iterable[Value]) -> None:
        for place, node in self._missing(wanted):
            once_more = place in self.made
            self.made.add(place)
            replays = once_more and random(node)
            if replays:
                self.drawn_again |= {place}
                self.nodes.append(Draws((), (), node.span, (), "again", place))
            elif place in self.again:
                self.nodes.append(Draws((), (), node.span, (), "keep", place))
            copied = replace(node, inputs=tuple(self._operand(o) for o in node.inputs))
            if once_more:
                copied = replace(copied, outputs=tuple(self._fresh(v) for v in node.outputs))
            self.nodes.append(copied)
            if replays:
                self.nodes.append(Draws((), (), node.span, (), "on", place))
            for old, new in zip(node.outputs, copied.outputs, strict=True):
                self.now[old.index] = new

    def _operand(self, operand: Operand | None) -> Operand | None:
        return self.now[operand.index] if isinstance(operand, Value) else operand

    def _fresh(self, value: Value) -> Value:
        new = Value(self.next, value.type)
        self.next += 1
        if value.index in self.names:
            self.names[new.index] = self.names[value.index]
        return new


def touched(targets: Iterable[Target], weights: Iterable[str]) -> bool:
    """Whether some targets name one of these weights, or a part of a module among them, or what is around it."""
    return any(target.meets(weight) for target in targets for weight in weights)
