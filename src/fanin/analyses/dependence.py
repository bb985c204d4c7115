"""What each output of a network depends on: which positions of each input a position of it sees, along each axis.

It holds for all numbers in the inputs and weights, and for all sizes of the open dimensions. It may be more than what
is really seen and is never less. Ops say what they see (``Op.sees``); attention masks are followed by what is known of
the numbers in them (``Op.known``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf, lcm
from typing import Any

from fanin.analyses.sight import Boxes, Fact, replaced, results
from fanin.analyses.walk import Origin, Sizes, Walk, settled
from fanin.ir.conditions import AllOf, Compare, Condition
from fanin.ir.dims import Dim, Symbol, evaluate, expand, substitute, symbols_of
from fanin.ir.graph import Apply, Ensemble, Graph, Iterate, Node, Operand, Program, Scan
from fanin.ir.numbers import everywhere
from fanin.ir.places import ALL, Box, Digit, Span, union, whole
from fanin.ir.types import TensorType
from fanin.ops.sees import Use, same
from fanin.record import record

_TIME = -1000
"""The axis, and those below, that stand for the step of a recurrence."""
_ROUNDS = 3


@record
class Dependence:
    """What one output sees of one input: boxes, in digits of a position of the output. None: nothing of it."""

    output: str
    input: str
    of: TensorType
    to: TensorType
    boxes: tuple[Box, ...]
    declared: TensorType  # ``of`` in the letters of the spec


def dependences(program: Program, training: bool = False) -> list[Dependence]:
    """What every output of a program sees of every input."""
    return Seen(program.graph, training, divided(program)).dependences


def divided(program: Program) -> dict[Symbol, Dim]:
    """Letters that a number divides, as multiples of new ones: what is halved and doubled is then the same again."""
    found: dict[Symbol, int] = {}
    for condition in _all_of(r.condition for r in program.conditions):
        if not isinstance(condition, Compare) or condition.op != "==":
            continue
        gap = expand(condition.left - condition.right)
        letters = symbols_of(gap)
        if isinstance(gap, int) or len(letters) != 1:
            continue
        (letter,) = letters
        trial = Symbol(letter.name)
        factor = next((k for k in range(2, 129) if substitute(gap, {letter: k * trial}) == 0), None)
        if factor is None or any((evaluate(gap, {letter: n}) == 0) != (n % factor == 0) for n in range(1, 3 * factor)):
            continue
        found[letter] = lcm(found.get(letter, 1), factor)
    return {letter: factor * Symbol(letter.name) for letter, factor in found.items()}


def _all_of(conditions: Iterable[Condition]) -> Iterator[Condition]:
    for condition in conditions:
        if isinstance(condition, AllOf):
            yield from _all_of(condition.parts)
        else:
            yield condition


class Seen:
    """A graph gone through: what its results see, and where on the way something came in."""

    def __init__(self, graph: Graph, training: bool = False, sizes: Sizes | None = None) -> None:
        self.graph, self.walk, self.sizes = graph, Sight(training), sizes or {}
        given = [(port.name, port.value.type) for port in graph.ports if port.value is not None]
        ports = [(name, settled(type_, self.sizes), settled(type_, {})) for name, type_ in given]
        self.inputs = [Fact(((number, (same(type_),)),)) for number, (_, type_, _) in enumerate(ports)]
        outs = self.walk.graph(graph, self.inputs, self.sizes)
        self.dependences: list[Dependence] = []
        for number, (result, fact) in enumerate(zip(graph.results, outs, strict=True)):
            name = result.name or ("output" if len(outs) == 1 else f"output {number + 1}")
            seen = dict(fact.boxes)
            out = settled(result.value.type, self.sizes)
            self.dependences += [
                Dependence(name, port, type_, out, seen.get(i, ()), declared)
                for i, (port, type_, declared) in enumerate(ports)
            ]

    def fact(self, operand: Operand | None) -> Fact | None:
        """What is known of a value of the graph itself."""
        return self.walk.fact(self.graph, self.inputs, self.sizes, operand)

    def origin(self, output: int, input: int, bad: Callable[[Box], bool]) -> Origin[Fact] | None:
        """The node from which on some box of an input is bad, on the way to an output."""
        return self.origin_of(self.graph.results[output].value, input, bad)

    def origin_of(self, operand: Operand, input: int, bad: Callable[[Box], bool]) -> Origin[Fact] | None:
        """The same on the way to any value of the graph."""

        def found(fact: Fact) -> bool:
            return any(bad(box) for box in dict(fact.boxes).get(input, ()))

        return self.walk.origin(self.graph, self.inputs, self.sizes, operand, found)


class Sight(Walk[Fact]):
    """What values see, from ops to results."""

    def __init__(self, training: bool = False) -> None:
        super().__init__(training)
        self.depth = 0

    def apply(self, node: Apply, attrs: Any, use: Use, inputs: Sequence[Fact | None]) -> list[Fact]:
        return results(node.op, attrs, use, inputs)

    def scalar(self, value: Any) -> Fact:
        return Fact((), everywhere(value))

    def read(self, type_: TensorType) -> Fact:
        return Fact()

    def either(self, a: Fact, b: Fact, type_: TensorType) -> Fact:
        return Fact(joined(a.boxes, b.boxes, type_.shape))

    def opaque(
        self, node: Node, types: Sequence[TensorType | None], inputs: Sequence[Fact | None], outs: Sequence[TensorType]
    ) -> list[Fact]:
        return [blurred(inputs) for _ in outs]

    def ensemble(self, node: Ensemble, use: Use, inputs: Sequence[Fact | None], sizes: Sizes) -> list[Fact]:
        """Each copy sees its slices of the inputs, whose place is that of its results."""
        copy = Digit(_TIME - self.depth, 1, node.count)
        self.depth += 1
        inside = [
            None if fact is None or t is None else _slice(fact, t, 0, copy)
            for fact, t in zip(inputs, use.types, strict=True)
        ]
        made = self.graph(node.graph, inside, sizes)
        self.depth -= 1
        return [_stacked(fact, out, 0, copy) for fact, out in zip(made, use.outs, strict=True)]

    def scan(self, node: Scan, use: Use, inputs: Sequence[Fact | None], sizes: Sizes) -> list[Fact]:
        """A state sees what it saw before, and what came in at all steps up to there."""
        names = [port.name for port in node.graph.ports if port.value is not None]
        first = use.types[node.sequences[0]] if node.sequences else None
        axis = node.axis % first.rank if first is not None else node.axis
        steps: Dim = settled_steps(node, use, axis)
        time = Digit(_TIME - self.depth, 1, steps)
        self.depth += 1
        given = list(inputs)
        for i in node.sequences:
            fact, type_ = inputs[i], use.types[i]
            given[i] = None if fact is None or type_ is None else _slice(fact, type_, node.axis % type_.rank, time)
        for i in node.states:
            fact = given[i]
            given[i] = None if fact is None else Fact(fact.boxes)
        made: list[Fact] = []
        named: dict[str, Fact] = {}
        for turn in range(_ROUNDS + 2):
            made = self.graph(node.graph, given, sizes)
            named = {r.name: fact for r, fact in zip(node.graph.results, made, strict=True)}
            after = list(given)
            for i in node.states:
                type_, old = use.types[i], given[i] or Fact()
                assert type_ is not None
                new = joined(old.boxes, _later(named[names[i]].boxes, time, node.reverse), type_.shape)
                after[i] = Fact(new if turn < _ROUNDS or new == old.boxes else _blurred_axes(old.boxes, new))
            if after == given:
                break
            given = after
        self.depth -= 1
        states = {names[i] for i in node.states}
        plain = [fact for r, fact in zip(node.graph.results, made, strict=True) if r.name not in states]
        found = [
            _stacked(fact, out, node.axis % out.rank, time)
            for fact, out in zip(plain, use.outs[: len(plain)], strict=True)
        ]
        end = Span((), steps - 1, steps - 1) if not node.reverse else Span((), 0, 0)
        for i, out in zip(node.states, use.outs[len(plain) :], strict=True):
            start = inputs[i] or Fact()
            last = replaced(named[names[i]], same(out), out.shape, out.shape, {time: end})
            # no step at all leaves the state as it was
            found.append(last if _some(steps) else Fact(joined(start.boxes, last.boxes, out.shape)))
        return found

    def iterate(self, node: Iterate, use: Use, inputs: Sequence[Fact | None], sizes: Sizes) -> list[Fact]:
        """A state sees what it saw before, what a step makes of it, and what says whether it is done."""
        names = [port.name for port in node.graph.ports if port.value is not None]
        given = [fact if i not in node.states or fact is None else Fact(fact.boxes) for i, fact in enumerate(inputs)]
        for turn in range(node.limit):
            made = self.graph(node.graph, given, sizes)
            named = {r.name: fact for r, fact in zip(node.graph.results, made, strict=True)}
            kinds = {r.name: settled(r.value.type, sizes) for r in node.graph.results}
            after = list(given)
            for i in node.states:
                type_, old = use.types[i], given[i] or Fact()
                assert type_ is not None
                new = joined(old.boxes, named[names[i]].boxes, type_.shape)
                new = joined(new, _beside(named["done"], kinds["done"], type_), type_.shape)
                after[i] = Fact(new if turn < 8 or new == old.boxes else _blurred_axes(old.boxes, new))
            if after == given:
                break
            given = after
        return [given[i] or Fact() for i in node.states]


# ----------------------------------------------------------------------------------------------- parts of the way


def joined(a: Boxes, b: Boxes, shape: Sequence[Dim]) -> Boxes:
    """What either of two values sees."""
    first, second = dict(a), dict(b)
    return tuple(
        (source, union((*first.get(source, ()), *second.get(source, ())), shape))
        for source in sorted({*first, *second})
    )


def blurred(inputs: Sequence[Fact | None]) -> Fact:
    """All of what any of these sees a part of."""
    found: dict[int, tuple[Box, ...]] = {}
    for fact in inputs:
        for source, boxes in fact.boxes if fact is not None else ():
            if boxes:
                found[source] = ((ALL,) * len(boxes[0]),)
    return Fact(tuple(sorted(found.items())))


def _blurred_axes(old: Boxes, new: Boxes) -> Boxes:
    """All along the axes where a box has changed, so that this comes to an end."""
    before = dict(old)
    found: list[tuple[int, tuple[Box, ...]]] = []
    for source, boxes in new:
        settled_boxes = set(before.get(source, ()))
        made = [box if box in settled_boxes else (ALL,) * len(box) for box in boxes]
        found.append((source, union(made, ())))
    return tuple(found)


def _slice(fact: Fact, type_: TensorType, axis: int, time: Digit) -> Fact:
    """A slice of a value, at a step."""
    box = tuple(Span(((1, time),)) if i == axis else whole(i - (i > axis), size) for i, size in enumerate(type_.shape))
    out = (*type_.shape[:axis], *type_.shape[axis + 1 :])
    return replaced(fact, box, type_.shape, out)


def _stacked(fact: Fact, out: TensorType, axis: int, time: Digit) -> Fact:
    """Results of all steps, along an axis."""
    shape = (*out.shape[:axis], *out.shape[axis + 1 :])
    box = tuple(whole(i + (i >= axis), size) for i, size in enumerate(shape))
    return replaced(fact, box, shape, out.shape, {time: whole(axis, out.shape[axis])})


def _later(boxes: Boxes, time: Digit, reverse: bool) -> Boxes:
    """What a state sees at the step after, and at any further one."""

    def one(span: Span) -> Span:
        own = [(f, d) for f, d in span.terms if d.axis == time.axis]
        if not own:
            return span
        if own != [(1, time)] or span.wraps is not None:
            return ALL
        if reverse:
            return Span(span.terms, span.low if isinstance(span.low, float) else span.low + 1, inf)
        return Span(span.terms, -inf, span.high if isinstance(span.high, float) else span.high - 1)

    found = []
    for source, each in boxes:
        found.append((source, tuple(tuple(_ends(one(span)) for span in box) for box in each)))
    return tuple(found)


def _ends(span: Span) -> Span:
    return ALL if span.low == -inf and span.high == inf else span


def _beside(fact: Fact, kind: TensorType, out: TensorType) -> Boxes:
    """What a mask sees that stands over the first axes of a value."""
    box = tuple(whole(i, out.shape[i]) if size != 1 else Span() for i, size in enumerate(kind.shape))
    return replaced(fact, box, kind.shape, out.shape).boxes


def settled_steps(node: Scan, use: Use, axis: int) -> Dim:
    for i in node.sequences:
        type_ = use.types[i]
        if type_ is not None:
            return type_.shape[node.axis % type_.rank]
    return node.steps


def _some(steps: Dim) -> bool:
    from fanin.ir.places import no_more

    return no_more(1, steps)
