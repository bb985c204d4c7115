"""Symmetries of a network: what becomes of its outputs when positions along an axis of its inputs change places.

A group acts on the axes of the inputs that have a letter. Every value then carries the action along some digits of its
axes, or does not feel it, or the proof breaks at an op: one with weights of their own at each position, one that looks
at positions by their number, one that is told apart by a parameter that lies along the axis. What is proven holds for
all numbers in inputs and weights; what is not proven need not be wrong.

- ``permutation``: any order of the positions.
- ``translation``: by whole positions; along an axis of stride s only multiples of s move the output by whole positions.
  ``edge`` says that positions near a border see what is not moved with them (padding, cuts): there it does not hold,
  unless everything goes round (``circular``).
- ``flip``: the positions backwards. ``rot90``: two axes exchanged and one of them flipped, for squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from fanin.analyses.walk import Sizes, Walk, settled
from fanin.ir.dims import Dim
from fanin.ir.graph import Apply, Ensemble, Graph, Iterate, Node, Scan
from fanin.ir.places import Box, Digit, Span, digit_of
from fanin.ir.types import TensorType
from fanin.ops.sees import Sees, Use
from fanin.record import record
from fanin.source import Span as Text

_ONE = Fraction(1)


@record
class Carried:
    """A digit along which a value carries the action of one of the axes acted on, moved so far for each position."""

    digit: Digit
    axis: int = 0  # the number of the axis acted on: rot90 has two
    ratio: Fraction = _ONE


@record
class Broken:
    """Where a proof breaks, and why."""

    text: Text
    why: str
    op: str = ""
    unknown: bool = False  # nothing is known of what stands there


@record
class State:
    """How a value takes part: what it carries, the axes along which it may otherwise differ from place to place."""

    carried: tuple[Carried, ...] = ()
    varying: frozenset[int] = frozenset()
    step: int = 1  # shifts that are no multiple of it moved something by parts of a position
    edge: bool = False
    rough: bool = False  # something near an edge has been taken into everything
    broken: Broken | None = None


class _Break(Exception):
    pass


class Symmetry(Walk[State]):
    """One group, through a program."""

    def __init__(self, group: str, training: bool = False) -> None:
        super().__init__(training)
        self.group = group

    # -- values

    def scalar(self, value: Any) -> State:
        return State()

    def read(self, type_: TensorType) -> State:
        return State((), frozenset(i for i, size in enumerate(type_.shape) if size != 1))

    def either(self, a: State, b: State, type_: TensorType) -> State:
        if a.broken or b.broken:
            return a if a.broken else b
        if a.carried != b.carried:
            more, less = (a, b) if a.carried else (b, a)
            if less.carried or any(c.digit.axis in less.varying for c in more.carried):
                return State(broken=Broken(self.text, "what is carried along does not carry it alike"))
        carried = a.carried or b.carried
        return State(carried, a.varying | b.varying, lcm(a.step, b.step), a.edge or b.edge, a.rough or b.rough)

    # -- nodes

    text: Text

    def apply(self, node: Apply, attrs: Any, use: Use, inputs: Sequence[State | None]) -> list[State]:
        self.text = node.span
        bad = next((s for s in inputs if s is not None and s.broken), None)
        if bad is not None:
            return [bad] * len(use.outs)
        said = node.op.sees(attrs, use)
        each = said if isinstance(said, tuple) else (said,) * len(use.outs)
        found = []
        for sees, out in zip(each, use.outs, strict=True):
            try:
                found.append(self._through(sees, use.types, out, inputs))
            except _Break as why:
                name = node.op.module if node.module is not None and node.op.module else node.op.name
                found.append(State(broken=Broken(node.span, str(why), name, sees.blunt and bool(sees.reads))))
        return found

    def opaque(
        self, node: Node, types: Sequence[TensorType | None], inputs: Sequence[State | None], outs: Sequence[TensorType]
    ) -> list[State]:
        why = Broken(node.span, "nothing is known of what is in it", unknown=True)
        touched = any(s is not None and (s.carried or s.broken or s.edge) for s in inputs)
        return [State(broken=why) if touched else State((), frozenset(range(out.rank))) for out in outs]

    def scan(self, node: Scan, use: Use, inputs: Sequence[State | None], sizes: Sizes) -> list[State]:
        self.text = node.span
        given = list(inputs)
        varies = False
        for i in node.sequences:
            state, type_ = inputs[i], use.types[i]
            if state is not None and type_ is not None and not state.broken:
                axis = node.axis % type_.rank
                if any(c.digit.axis == axis for c in state.carried):
                    return [State(broken=Broken(node.span, "one step comes after the other", "scan")) for _ in use.outs]
                varies = varies or axis in state.varying
                given[i] = _without(state, axis)
        made, named, names = self._rounds(node, given, use, sizes, node.states)
        states = {names[i] for i in node.states}
        plain = [s for r, s in zip(node.graph.results, made, strict=True) if r.name not in states]
        stacked = [_with(state, node.axis % out.rank) for state, out in zip(plain, use.outs[: len(plain)], strict=True)]
        return [*stacked, *(named[names[i]] for i in node.states)]

    def _rounds(
        self, node: Scan | Iterate, given: list[State | None], use: Use, sizes: Sizes, states: Sequence[int]
    ) -> tuple[list[State], dict[str, State], list[str]]:
        """A region gone through until its states stay."""
        names = [port.name for port in node.graph.ports if port.value is not None]
        made: list[State] = []
        named: dict[str, State] = {}
        for _ in range(8):
            made = self.graph(node.graph, given, sizes)
            named = {r.name: s for r, s in zip(node.graph.results, made, strict=True)}
            after = list(given)
            self.text = node.span
            for i in states:
                type_ = use.types[i]
                assert type_ is not None
                after[i] = self.either(given[i] or State(), named[names[i]], type_)
            if after == given:
                break
            given = after
        return made, named, names

    def iterate(self, node: Iterate, use: Use, inputs: Sequence[State | None], sizes: Sizes) -> list[State]:
        _, named, names = self._rounds(node, list(inputs), use, sizes, node.states)
        done = named["done"]
        found = []
        for i in node.states:
            state = named[names[i]]
            if done.broken or state.broken:
                found.append(done if done.broken else state)
                continue
            alike = {c.digit.axis: c for c in state.carried}
            if any(alike.get(c.digit.axis) != c for c in done.carried) or any(a in done.varying for a in alike):
                state = State(broken=Broken(node.span, "places are done at other times", "iterate"))
            found.append(state)
        return found

    def ensemble(self, node: Ensemble, use: Use, inputs: Sequence[State | None], sizes: Sizes) -> list[State]:
        given: list[State | None] = []
        for state in inputs:
            if state is not None and any(c.digit.axis == 0 for c in state.carried):
                return [
                    State(broken=Broken(node.span, "each copy has weights of its own", "ensemble")) for _ in use.outs
                ]
            given.append(None if state is None else _without(state, 0))
        return [_with(state, 0) for state in self.graph(node.graph, given, sizes)]

    # -- one op

    def _through(
        self, sees: Sees, types: Sequence[TensorType | None], out: TensorType, inputs: Sequence[State | None]
    ) -> State:
        """What a result carries. Raises _Break where it cannot be told."""
        moved: dict[Digit, Carried] = {}
        varying = set(sees.own)
        edge = any(s is not None and s.edge for s in inputs)
        rough = any(s is not None and s.rough for s in inputs)
        loose: list[tuple[Span, str]] = []
        for number, (state, type_, reads) in enumerate(zip(inputs, types, sees.reads, strict=False)):
            if state is None or type_ is None:
                continue
            for box in reads:
                parts: dict[int, list[Span]] = {}
                for axis, (span, size) in enumerate(zip(box, type_.shape, strict=True)):
                    own = [c for c in state.carried if c.digit.axis == axis]
                    told = (number, axis) in sees.weighted
                    for c in own:
                        rounds = span.wraps is not None and c.digit == Digit(axis, 1, size)
                        part = span if rounds else digit_of(c.digit, span, size)
                        parts.setdefault(c.axis, []).append(part)
                        made, border = self._carry(c, part, span, size, out, told)
                        edge = edge or border
                        known = moved.setdefault(made.digit, made)
                        if known != made:
                            raise _Break("two inputs move by different steps")
                    if not own and axis in state.varying:
                        loose.append((span, "a place is told by its number"))
                        varying |= {d.axis for _, d in span.terms if d.axis >= 0}
                    if own and axis in state.varying:
                        varying |= {d.axis for _, d in span.terms if d.axis >= 0}
                if self.group == "rot90" and parts and (len(parts) != 2 or not _alike(*parts.values())):
                    raise _Break("rows and columns are not treated alike")
        for span, why in loose:
            for _, d in span.terms:
                if any(_overlap(d, e) for e in moved):
                    raise _Break(why)
        for form in sees.only:
            if any(_overlap(d, e) for _, d in form.terms for e in moved):
                if self.group != "translation":
                    raise _Break("earlier places are told from later ones")
                edge = True
        if any(d.axis in sees.own for d in moved):
            raise _Break("it does something else at each place")
        if edge and any(d.axis < 0 for d in moved):
            rough = True
        carried = tuple(
            sorted((c for d, c in moved.items() if d.axis >= 0), key=lambda c: (c.digit.axis, str(c.digit)))
        )
        steps = (s.step for s in inputs if s is not None)
        return State(
            carried, frozenset(varying), lcm(*steps, *(c.ratio.denominator for c in moved.values())), edge, rough
        )

    def _carry(
        self, c: Carried, part: Span, span: Span, size: Dim, out: TensorType, told: bool
    ) -> tuple[Carried, bool]:
        """What a digit that is carried becomes, and whether there is an edge now."""
        if len(part.terms) != 1 or isinstance(part.low, float) or isinstance(part.high, float):
            raise _Break("it sees places in a fixed order" if part.terms else "its places are mixed")
        ((factor, e),) = part.terms
        wide = part.low != part.high
        if e.axis < 0 and (told or factor != 1 or wide):
            raise _Break("each place has a weight of its own")
        if not isinstance(factor, int):
            raise _Break("the step is not known")
        if self.group == "permutation":
            if factor != 1 or wide or part.low != 0 or part.wraps is not None:
                raise _Break("a place sees its neighbours")
            return Carried(e, c.axis), False
        if self.group == "translation":
            made = Carried(e, c.axis, c.ratio / factor)
            if factor < 0:
                raise _Break("the order is turned round")
            count = e.size
            covers = c.digit.size == factor * count
            inside = covers and _within(part, 0, factor - 1)
            round_ = part.wraps is not None and covers
            return made, not (inside or round_ or (e.axis < 0))
        # flip, rot90
        if wide and told:
            raise _Break("its weights have a direction")
        if c.digit.size - 1 != factor * (e.size - 1) + part.low + part.high:
            raise _Break("one end is treated unlike the other")
        return Carried(e, c.axis), False


def _within(span: Span, low: int, high: int) -> bool:
    return isinstance(span.low, int) and isinstance(span.high, int) and low <= span.low and span.high <= high


def _overlap(a: Digit, b: Digit) -> bool:
    return a.axis == b.axis and a.unit * a.size != b.unit and b.unit * b.size != a.unit


def _alike(rows: list[Span], columns: list[Span]) -> bool:
    """Whether what becomes of two axes is the same but for the axis."""

    def shape(span: Span) -> Any:
        return tuple((f, d.axis < 0) for f, d in span.terms), span.low, span.high, span.wraps is None

    return [shape(s) for s in rows] == [shape(s) for s in columns]


def _without(state: State, axis: int) -> State:
    """Of a slice."""
    if state.broken:
        return state
    carried = tuple(Carried(_shifted(c.digit, axis, -1), c.axis, c.ratio) for c in state.carried)
    varying = frozenset(i - (i > axis) for i in state.varying if i != axis)
    return State(carried, varying, state.step, state.edge, state.rough)


def _with(state: State, axis: int) -> State:
    """Of slices put together."""
    if state.broken:
        return state
    carried = tuple(Carried(_shifted(c.digit, axis, 1), c.axis, c.ratio) for c in state.carried)
    varying = frozenset(i + (i >= axis) for i in state.varying) | {axis}
    return State(carried, varying, state.step, state.edge, state.rough)


def _shifted(digit: Digit, axis: int, by: int) -> Digit:
    behind = digit.axis > axis if by < 0 else digit.axis >= axis
    return Digit(digit.axis + by * behind, digit.unit, digit.size)


# ------------------------------------------------------------------------------------------------------- a program


@record
class Action:
    """A group on axes of the inputs: (input, axis, which of the axes acted on)."""

    group: str
    axes: tuple[tuple[int, int, int], ...]


@record
class Outcome:
    """What becomes of an output: where it carries the action and in which steps, or where the proof breaks."""

    output: str
    state: State

    @property
    def invariant(self) -> bool:
        return self.state.broken is None and not self.state.carried


def outcomes(graph: Graph, action: Action, training: bool = False, sizes: Sizes | None = None) -> list[Outcome]:
    """What becomes of every output of a graph under a group; ``sizes`` are other letters for its own."""
    walk = Symmetry(action.group, training)
    given = []
    ports = [settled(port.value.type, sizes or {}) for port in graph.ports if port.value is not None]
    for number, type_ in enumerate(ports):
        own = [(axis, which) for i, axis, which in action.axes if i == number]
        carried = tuple(Carried(Digit(axis, 1, type_.shape[axis]), which) for axis, which in own)
        given.append(State(carried, frozenset(range(type_.rank)) - {axis for axis, _ in own}))
    made = walk.graph(graph, given, sizes or {})
    found = []
    for number, (result, state) in enumerate(zip(graph.results, made, strict=True)):
        name = result.name or ("output" if len(made) == 1 else f"output {number + 1}")
        found.append(Outcome(name, state))
    return found


__all__ = ["Action", "Box", "Broken", "Carried", "Outcome", "State", "Symmetry", "outcomes"]
