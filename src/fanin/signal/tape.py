"""A program at known sizes as one row of op applications: what the analysis goes along, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from fanin.analyses.paths import join, part_at, resolve
from fanin.analyses.reading import alone, running
from fanin.ir.dims import Poly, Symbol, evaluate
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Grad,
    Graph,
    Iterate,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Program,
    Read,
    Repeat,
    Row,
    Scalar,
    Scan,
    StateRef,
    Unit,
    Update,
)
from fanin.ir.laws import Law
from fanin.ir.types import TensorType
from fanin.ops.contract import ParamSpec
from fanin.source import Span

MAX_STEPS = 32
"""Steps of a recurrence that are gone through; a longer one is cut there, and said to be."""


@dataclass(eq=False)
class Edge:
    """A tensor between ops. ``label`` is how a reader finds it: the path of the module that gave it, or its name."""

    type: TensorType
    label: str = ""
    number: float | None = None  # of a compile-time number
    state: Tensor | None = None  # a parameter or buffer


@dataclass(frozen=True)
class Tensor:
    """A parameter or buffer: its key and how it starts. ``copies`` live in an ensemble."""

    key: str
    kind: str
    shape: tuple[int, ...]
    law: Law | None
    spec: ParamSpec | None = None
    copies: int = 1
    frozen: bool = False  # all of it, for good
    held: float = 0.0  # the share of its units that is frozen
    home: Graph | None = None  # the graph that holds the layer, and its path there
    local: str = ""


@dataclass(eq=False)
class Step:
    """One op applied. ``op`` is None where the step only says why nothing is known from there on."""

    op: Any
    attrs: Any
    inputs: tuple[Edge | None, ...]
    outputs: tuple[Edge, ...]
    path: str
    span: Span
    weights: dict[str, Tensor] = field(default_factory=dict)
    norm: str = ""
    reason: str = ""
    name: str = ""
    module: bool = False  # whether ``path`` is that of the module that is applied here
    loop: bool = False  # whether it is in a step of a recurrence

    @property
    def types(self) -> tuple[TensorType | None, ...]:
        return tuple(None if e is None else e.type for e in self.inputs)


@dataclass(frozen=True)
class Loop:
    """A recurrence: how many steps it has, and its states behind each of those that were gone through."""

    steps: int
    states: tuple[tuple[Edge, ...], ...]
    span: Span


@dataclass
class Tape:
    steps: list[Step]
    inputs: dict[str, Edge]
    outputs: dict[str, Edge]
    tensors: dict[str, Tensor]
    notes: list[str]
    loops: list[Loop] = field(default_factory=list)
    turns: list[tuple[int, int]] = field(default_factory=list)  # where the steps of each recurrence start and stop
    laps: list[tuple[int, ...]] = field(default_factory=list)  # where each of its steps starts, and the last one stops


def record(program: Program, sizes: Mapping[Symbol, int], *, training: bool = True) -> Tape:
    """The ops that a program runs at these sizes of its open dimensions, in order."""
    recorder = _Recorder(training)
    edges = {}
    for port in program.inputs:
        assert port.value is not None
        edges[port.name] = Edge(_settled(port.value.type, sizes), port.name)
    outputs = recorder.graph(program.graph, list(edges.values()), dict(sizes), _Home("", program.graph, {}), True)
    names = [r.name or ("output" if len(outputs) == 1 else f"output {i + 1}") for i, r in enumerate(program.outputs)]
    return Tape(
        recorder.steps,
        edges,
        dict(zip(names, outputs, strict=True)),
        recorder.tensors,
        recorder.notes,
        recorder.loops,
        recorder.turns,
        recorder.laps,
    )


def _settled(type_: TensorType, sizes: Mapping[Symbol, int]) -> TensorType:
    return TensorType(type_.dtype, tuple(d if isinstance(d, int) else evaluate(d, sizes) for d in type_.shape))


def _settled_value(value: Any, sizes: Mapping[Symbol, int]) -> Any:
    """Attributes with numbers for the open dimensions in them."""
    if isinstance(value, Poly):
        return evaluate(value, sizes)
    if isinstance(value, tuple):
        return tuple(_settled_value(v, sizes) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _settled_value(getattr(value, f.name), sizes) for f in fields(value)}
        if any(changed[k] is not getattr(value, k) for k in changed):
            return replace(value, **changed)
    return value


@dataclass(frozen=True)
class _Home:
    """Where a graph runs: the path of its instance, and what the borrowed names in it stand for."""

    path: str
    graph: Graph
    lent: Mapping[str, tuple[str, Leaf | Unit | Row]]
    copies: int = 1

    def find(self, ref: ModuleRef) -> tuple[str, Leaf | Unit | Row]:
        if ref.borrowed:
            return self.lent[ref.path]
        found = resolve(self.graph, ref.path)
        assert found is not None, ref
        return join(self.path, ref.path), found


class _Recorder:
    def __init__(self, training: bool) -> None:
        self.training = training
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {}
        self.notes: list[str] = []
        self.loops: list[Loop] = []
        self.turns: list[tuple[int, int]] = []
        self.laps: list[tuple[int, ...]] = []
        self.depth = 0  # how many recurrences are around

    def graph(
        self,
        graph: Graph,
        inputs: Sequence[Edge | None],
        sizes: dict[Symbol, int],
        home: _Home,
        own: bool,
    ) -> list[Edge]:
        """Run the nodes of a graph. ``own``: it is the body of an instance, not a region of the one around."""
        values: dict[int, Edge] = {}
        ports = [p for p in graph.ports if p.value is not None]
        for port, edge in zip(ports, [e for e in inputs if e is not None], strict=False):
            assert port.value is not None
            values[port.value.index] = edge
            for own_size, size in zip(port.value.type.shape, edge.type.shape, strict=True):
                symbol = alone(own_size)
                if symbol is not None and isinstance(size, int):
                    sizes.setdefault(symbol, size)
        if graph.kind == "extern":
            return self.unknown(graph.name, inputs, [r.value for r in graph.results], sizes, home.path, graph.span,
                                f"`{graph.name}` is an extern block")  # fmt: skip
        for node, _ in running(graph, (True,) * len(graph.results)):
            self.node(node, values, sizes, home)
        return [self.operand(r.value, values, sizes) for r in graph.results]

    def operand(self, operand: Operand, values: dict[int, Edge], sizes: Mapping[Symbol, int]) -> Edge:
        if isinstance(operand, Scalar):
            number = operand.value
            if isinstance(number, Poly):
                number = evaluate(number, sizes)
            return Edge(_settled(operand.type, sizes), "", float(number))
        return values[operand.index]

    def node(self, node: Node, values: dict[int, Edge], sizes: dict[Symbol, int], home: _Home) -> None:
        given = [None if o is None else self.operand(o, values, sizes) for o in node.inputs]
        match node:
            case Apply():
                outputs = self.apply(node, given, sizes, home, values, home.graph)
            case Call():
                outputs = self.call(node, given, sizes, home)
            case Repeat():
                outputs = self.repeat(node, given, sizes, home)
            case Choice():
                way = node.training if self.training else node.evaluation
                outputs = self.graph(way, given, sizes, home, False)
            case Scan():
                outputs = self.scan(node, given, sizes, home)
            case Iterate():
                outputs = self.iterate(node, given, sizes, home)
            case Ensemble():
                outputs = self.ensemble(node, given, sizes, home)
            case Read():
                outputs = [self.read(node.state, node.outputs[0].type, sizes, home)]
            case Update():
                return
            case Grad():
                outputs = self.unknown("grad", given, node.outputs, sizes, home.path, node.span,
                                       "a gradient inside the network")  # fmt: skip
            case _:
                raise AssertionError(node)
        names = home.graph.names
        for value, edge in zip(node.outputs, outputs, strict=True):
            values[value.index] = edge
            if value.index in names and not edge.label:
                edge.label = join(home.path, names[value.index])

    def unknown(
        self,
        name: str,
        given: Sequence[Edge | None],
        outputs: Sequence[Any],
        sizes: Mapping[Symbol, int],
        path: str,
        span: Span,
        reason: str,
    ) -> list[Edge]:
        edges = [Edge(_settled(v.type, sizes), path) for v in outputs]
        self.steps.append(Step(None, None, tuple(given), tuple(edges), path, span, reason=reason, name=name))
        return edges

    def apply(
        self,
        node: Apply,
        given: list[Edge | None],
        sizes: Mapping[Symbol, int],
        home: _Home,
        values: Any,
        graph: Graph,
    ) -> list[Edge]:
        path, weights, norm = home.path, {}, ""
        if node.module is not None:
            path, leaf = home.find(node.module)
            assert isinstance(leaf, Leaf)
            weights, norm = self.leaf(leaf, path, home), leaf.norm
        return self.op(node, given, sizes, path, weights, norm)

    def op(
        self,
        node: Apply,
        given: Sequence[Edge | None],
        sizes: Mapping[Symbol, int],
        path: str,
        weights: dict[str, Tensor],
        norm: str,
    ) -> list[Edge]:
        label = path if node.module is not None else ""
        attrs = _settled_value(node.attrs, sizes)
        edges = [Edge(_settled(v.type, sizes), label) for v in node.outputs]
        self.steps.append(
            Step(
                node.op,
                attrs,
                tuple(given),
                tuple(edges),
                path,
                node.span,
                weights,
                norm,
                name=node.op.name,
                module=node.module is not None,
                loop=self.depth > 0,
            )
        )
        return edges

    def leaf(self, leaf: Leaf, path: str, home: _Home) -> dict[str, Tensor]:
        found = {}
        for weight in leaf.weights:
            spec = weight.spec
            if weight.tied is not None:
                ref = weight.tied
                key = join(home.path if ref.module is None else home.find(ref.module)[0], ref.name)
                known = self.tensors.get(key)
                found[spec.name] = known or Tensor(key, spec.kind, spec.shape, weight.law, spec)
                continue
            tensor = Tensor(
                join(path, spec.name),
                spec.kind,
                spec.shape,
                weight.law,
                spec,
                home.copies,
                leaf.frozen is True,
                float(leaf.frozen),
                home.graph,
                path.removeprefix(f"{home.path}.") if home.path else path,
            )
            found[spec.name] = self.tensors.setdefault(tensor.key, tensor)
        return found

    def call(self, node: Call, given: list[Edge | None], sizes: dict[Symbol, int], home: _Home) -> list[Edge]:
        graph = node.graph
        inner: dict[Symbol, int] = {}
        for symbol, size in zip(graph.sizes, node.sizes, strict=True):
            inner[symbol] = size if isinstance(size, int) else evaluate(size, sizes)
        if graph.kind == "composition" or node.module is None:
            inner = {**sizes, **inner} if graph.kind == "composition" else inner
        if node.backwards:
            return self.unknown("inverse", given, node.outputs, sizes, home.path, node.span,
                                "the inverse of a block")  # fmt: skip
        if node.module is None:
            return self.graph(graph, given, inner, _Home(home.path, graph, home.lent, home.copies), True)
        path, _ = home.find(node.module)
        lent = {name: home.find(ref) for name, ref in zip(graph.borrows, node.lent, strict=True)}
        return self.graph(graph, given, inner, _Home(path, graph, lent, home.copies), True)

    def repeat(self, node: Repeat, given: list[Edge | None], sizes: dict[Symbol, int], home: _Home) -> list[Edge]:
        path, row = home.find(node.module)
        assert isinstance(row, Row)
        count = len(node.runs[0].call.outputs)
        flow, rest = list(given[:count]), list(given[count:])
        place = 0
        for run in node.runs:
            for _ in range(run.count):
                part, at = part_at(row, str(place)), join(path, str(place))
                place += 1
                given_here = [*flow, *rest][: len(run.call.inputs)]
                if isinstance(run.call, Apply):
                    assert isinstance(part, Leaf)
                    flow = list(self.op(run.call, given_here, sizes, at, self.leaf(part, at, home), part.norm))
                else:
                    graph = run.call.graph
                    inner: dict[Symbol, int] = dict(sizes) if graph.kind == "composition" else {}
                    for symbol, size in zip(graph.sizes, run.call.sizes, strict=True):
                        inner[symbol] = size if isinstance(size, int) else evaluate(size, sizes)
                    lent = {n: home.find(ref) for n, ref in zip(graph.borrows, run.call.lent, strict=True)}
                    flow = list(self.graph(graph, given_here, inner, _Home(at, graph, lent, home.copies), True))
        return [e for e in flow if e is not None]

    def scan(self, node: Scan, given: list[Edge | None], sizes: dict[Symbol, int], home: _Home) -> list[Edge]:
        steps = node.steps if isinstance(node.steps, int) else evaluate(node.steps, sizes)
        gone = min(steps, MAX_STEPS)
        if gone < steps:
            self.notes.append(
                f"the recurrence at `{home.path or home.graph.name}` is followed for {gone} of its {steps} steps"
            )
        now = list(given)
        stacked: list[list[Edge]] = []
        states: list[tuple[Edge, ...]] = []
        names = [p.name for p in node.graph.ports if p.value is not None]
        state_names = [names[i] for i in node.states]
        start, laps = len(self.steps), []
        for turn in range(gone):
            laps.append(len(self.steps))
            place = steps - 1 - turn if node.reverse else turn
            inputs: list[Edge | None] = []
            for i, edge in enumerate(now):
                if edge is not None and i in node.sequences:
                    axis = node.axis % edge.type.rank
                    slice_ = Edge(
                        edge.type.with_shape(*edge.type.shape[:axis], *edge.type.shape[axis + 1 :]), edge.label
                    )
                    self.steps.append(
                        Step("slice", (axis, place), (edge,), (slice_,), home.path, node.span, name="slice")
                    )
                    edge = slice_
                inputs.append(edge)
            self.depth += 1
            results = self.graph(node.graph, inputs, dict(sizes), home, False)
            self.depth -= 1
            named = [(r.name, e) for r, e in zip(node.graph.results, results, strict=True)]
            for i, name in zip(node.states, state_names, strict=True):
                now[i] = next(e for n, e in named if n == name)
            states.append(tuple(e for i in node.states if (e := now[i]) is not None))
            stacked.append([e for n, e in named if n not in state_names])
        self.laps.append((*laps, len(self.steps)))
        self.loops.append(Loop(steps, tuple(states), node.span))
        outputs = []
        plain = len(node.outputs) - len(node.states)
        for k in range(plain):
            edge = Edge(_settled(node.outputs[k].type, sizes), home.path)
            parts = tuple(s[k] for s in (reversed(stacked) if node.reverse else stacked))
            self.steps.append(Step("stack", node.axis, parts, (edge,), home.path, node.span, name="stack"))
            outputs.append(edge)
        self.turns.append((start, len(self.steps)))
        for i in node.states:
            edge = now[i]
            assert edge is not None
            outputs.append(edge)
        return outputs

    def iterate(self, node: Iterate, given: list[Edge | None], sizes: dict[Symbol, int], home: _Home) -> list[Edge]:
        """All of its steps: which elements are done before, nobody knows yet."""
        now = list(given)
        names = [p.name for p in node.graph.ports if p.value is not None]
        for _ in range(min(node.limit, MAX_STEPS)):
            self.depth += 1
            results = self.graph(node.graph, now, dict(sizes), home, False)
            self.depth -= 1
            named = {r.name: e for r, e in zip(node.graph.results, results, strict=True)}
            for i in node.states:
                now[i] = named[names[i]]
        return [e for e in (now[i] for i in node.states) if e is not None]

    def ensemble(self, node: Ensemble, given: list[Edge | None], sizes: dict[Symbol, int], home: _Home) -> list[Edge]:
        """One copy stands for all; their slices have one law."""
        inputs: list[Edge | None] = []
        for edge in given:
            if edge is not None:
                slice_ = Edge(edge.type.with_shape(*edge.type.shape[1:]), edge.label)
                self.steps.append(Step("slice", (0, None), (edge,), (slice_,), home.path, node.span, name="slice"))
                edge = slice_
            inputs.append(edge)
        inner = _Home(home.path, home.graph, home.lent, node.count)
        results = self.graph(node.graph, inputs, dict(sizes), inner, False)
        outputs = []
        for value, result in zip(node.outputs, results, strict=True):
            edge = Edge(_settled(value.type, sizes), result.label)
            self.steps.append(Step("copies", node.count, (result,), (edge,), home.path, node.span, name="ensemble"))
            outputs.append(edge)
        return outputs

    def read(self, ref: StateRef, type_: TensorType, sizes: Mapping[Symbol, int], home: _Home) -> Edge:
        shape = _settled(type_, sizes)
        spec: ParamSpec | None = None
        if ref.module is None:
            state = next((s for s in home.graph.states if s.name == ref.name), None)
            key = join(home.path, ref.name)
            law = state.start if state is not None and isinstance(state.start, Law) else None
            kind = state.kind if state is not None else "param"
        else:
            path, instance = home.find(ref.module)
            key, law, kind = join(path, ref.name), None, "param"
            if isinstance(instance, Leaf):
                weight = next(w for w in instance.weights if w.spec.name == ref.name)
                law, kind, spec = weight.law, weight.spec.kind, weight.spec
            elif isinstance(instance, Unit):
                found = next(s for s in instance.graph.states if s.name == ref.name)
                law, kind = (found.start if isinstance(found.start, Law) else None), found.kind
        known = self.tensors.get(key)
        tensor = known or Tensor(key, kind, tuple(n for n in shape.shape if isinstance(n, int)), law, spec)
        self.tensors.setdefault(key, tensor)
        return Edge(shape, key, state=tensor)
