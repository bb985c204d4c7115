"""The graph IR: one graph for each specialisation of a block, nodes on typed values, and the instances they call.

A graph is a template. It is elaborated once for a block, its hyper-parameters and the types of its inputs, however
often it is used; what differs between two uses of it is only the path of the instance that runs it. Paths in a graph
are relative to that instance; ``analyses/paths.py`` walks a program and gives the absolute ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from fanin.ir.dims import Dim, Symbol
from fanin.ir.laws import Law
from fanin.ir.requirements import Requirement, minimal
from fanin.ir.types import DType, TensorType
from fanin.record import KW_ONLY, field, record
from fanin.source import Source, Span

if TYPE_CHECKING:
    from fanin.ops.contract import Op, OpAttrs, ParamSpec

# ------------------------------------------------------------------------------------------------- operands


@record
class Value:
    """An edge of a graph: what a node gives, or an input. ``index`` is unique in its graph."""

    index: int
    type: TensorType


@record
class Scalar:
    """A number known when the spec is compiled, or an open dimension, where a tensor may stand."""

    value: bool | int | float | Dim

    @property
    def type(self) -> TensorType:
        if isinstance(self.value, bool):
            return TensorType(DType.BOOL, ())
        return TensorType(DType.FLOAT if isinstance(self.value, float) else DType.INT, ())


Operand: TypeAlias = Value | Scalar


# -------------------------------------------------------------------------------------------- module places


@record
class ModuleRef:
    """A module as a graph sees it. ``path`` is relative to the graph's instance (``conv1``, ``layer.0``, ``body``).

    Where ``borrowed``, the module lives elsewhere and reaches the graph from its caller under that name: it is not
    part of this instance, has no key here, and is handed to ``forward``.
    """

    path: str
    borrowed: bool = False


@record
class StateRef:
    """A parameter or buffer as a graph sees it: of its own (``module`` None), or of a module (``wte``, ``weight``)."""

    module: ModuleRef | None
    name: str


# ---------------------------------------------------------------------------------------------------- nodes


@record
class Node:
    """One use of something. ``loop`` says in which turns of which ``for`` it was made, outer first: ((loop, turn), …).

    An optional input of an op that was left out before one that was given is None. ``role`` is what the statement that
    made it is for, where that is said: "stability" or "expressive".
    """

    inputs: tuple[Operand | None, ...]
    outputs: tuple[Value, ...]
    span: Span = field(compare=False, repr=False)
    loop: tuple[tuple[int, int], ...]
    _: KW_ONLY
    role: str = field(default="", compare=False)


@record
class Apply(Node):
    """An op with its attributes; ``module`` is the instance that owns its weights, None for a function."""

    op: Op[Any]
    attrs: OpAttrs
    module: ModuleRef | None


@record
class Call(Node):
    """A use of a graph: of a block's or composition's instance, or (``module`` None) of a ``fn``.

    ``inputs`` go to the graph's ports that are given, in their order; ``lent`` are the modules for the names that the
    graph borrows, in the order of ``graph.borrows``; ``sizes`` are open dimensions that it is told beside its tensors.
    """

    graph: Graph
    module: ModuleRef | None
    lent: tuple[ModuleRef, ...] = ()
    sizes: tuple[Dim, ...] = ()  # for ``graph.sizes``, in the letters of the graph around
    backwards: bool = False  # ``graph`` is the inverse of what the instance runs


@record
class Run:
    """``count`` places in a row of a repetition that use one graph, or one op (a leaf such as ``3 * Linear(8)``)."""

    count: int
    call: Call | Apply  # of the first of them; its module is that place


@record
class Repeat(Node):
    """``n * M``: the instances ``module.0`` … ``module.n-1`` one after the other, what flows going through all.

    The first of ``inputs`` is what flows; further ones go to every place unchanged.
    """

    module: ModuleRef
    count: int
    runs: tuple[Run, ...]


@record
class Scan(Node):
    """``scan(cell, xs, state=…)``: the region ``graph`` once for each step along ``axis``.

    Its inputs go to the ports of the region: slices of those in ``sequences``, those in ``states`` from step to step,
    the others as they are. The results of the region that are named like a state are its next value; the outputs are
    the other results, stacked along ``axis``, then the last states in the order of ``states``. No gradient goes back
    over the border between one run of ``truncate`` steps and the next.
    """

    graph: Graph
    axis: int
    reverse: bool
    sequences: tuple[int, ...]
    states: tuple[int, ...]
    steps: Dim
    truncate: int | None = None


@record
class Iterate(Node):
    """``iterate(cell, x=…, max=n)``: the region ``graph`` until ``done`` everywhere, at most ``limit`` times.

    ``states`` are the inputs that are carried; the outputs are their last values. The results of the region are their
    next values, by name, and ``done``.
    """

    graph: Graph
    limit: int
    states: tuple[int, ...]


@record
class Ensemble(Node):
    """``ensemble(n, M)``: ``count`` copies with stacked weights, each on its slice of the first axis of the inputs.

    ``graph`` is a region, the use of one copy on slices.
    """

    graph: Graph
    module: ModuleRef
    count: int


@record
class Choice(Node):
    """``if training``: both ways, as regions with the same inputs and results of one type."""

    training: Graph
    evaluation: Graph


@record
class Update(Node):
    """``update``: in training a buffer takes the result of the region ``graph``, without gradient. It stands last."""

    graph: Graph
    state: StateRef


@record
class Move(Node):
    """In a training step: here an optimiser moves the weights of a ``train`` line on the first of the inputs, its loss.

    ``measures`` are the names of the inputs; the others are reported.
    """

    measures: tuple[str, ...]
    text: str  # the line, as the spec has it


@record
class Draws(Node):
    """In a training step: ``keep`` the state of the random numbers as it is, draw ``again`` from there, or go ``on``.

    What is computed a second time, on weights that were moved, draws the numbers that it drew the first time.
    """

    kind: str  # "keep" | "again" | "on"
    number: int


@record
class Grad(Node):
    """``grad(y, x)``: the gradient of the sum of the first input in the second, itself differentiable."""


@record
class Read(Node):
    """A parameter or buffer as a value."""

    state: StateRef


# --------------------------------------------------------------------------------------- instances and states


@record
class State:
    """A ``param`` or ``buffer`` of a graph, or of a leaf module.

    ``start`` is the law it is drawn from, or the value (of ``setup`` of its graph) that it starts with.
    """

    name: str
    type: TensorType
    kind: str  # "param" | "buffer"
    start: Law | Value | None
    frozen: bool | float = False
    span: Span | None = field(default=None, compare=False, repr=False)


@record
class Weight:
    """One parameter or buffer of a leaf: its spec with axis roles, the law in force, and what it is tied to."""

    spec: ParamSpec
    law: Law
    tied: StateRef | None = None  # seen from the graph that holds the leaf


@record
class Leaf:
    """An instance of an op with a module form (``Linear(8)``, ``ReLU()``): torch's own module.

    ``norm`` is "weight" or "spectral" where its weight is parametrised so. ``checkpoint``, here and of a unit: what it
    computes is computed again in the backward pass.
    """

    op: Op[Any]
    attrs: OpAttrs
    types: tuple[TensorType, ...]  # of the inputs at its first application: they fix its sizes
    weights: tuple[Weight, ...]
    frozen: bool | float = False
    norm: str = ""
    checkpoint: bool = False

    @property
    def stored(self) -> tuple[Weight, ...]:
        """Its parameters and buffers as the ``state_dict`` has them: those of a parametrised weight in its place."""
        if not self.norm:
            return self.weights
        rest = tuple(w for w in self.weights if w.spec.name != "weight")
        return (*rest, *(part for w in self.weights if w.spec.name == "weight" for part in _parametrised(w, self.norm)))


def _parametrised(weight: Weight, norm: str) -> tuple[Weight, ...]:
    """What ``torch.nn.utils.parametrizations`` stores for a weight."""
    spec, prefix = weight.spec, "parametrizations.weight"

    def part(name: str, axes: tuple[Any, ...], **changes: Any) -> Weight:
        return replace(weight, spec=replace(spec, name=f"{prefix}.{name}", axes=axes, **changes))

    if norm == "weight":
        ones = tuple(replace(axis, size=1) for axis in spec.axes[1:])
        return part("original0", (spec.axes[0], *ones)), part("original1", spec.axes)
    first = 1 if spec.axes[0].role == "in" and len(spec.axes) > 2 else 0  # of a transposed convolution, its output
    rows = spec.axes[first]
    rest = replace(rows, role="in", size=prod(spec.shape) // rows.size)
    return (
        part("original", spec.axes),
        part("0._u", (rows,), kind="buffer", family=""),
        part("0._v", (rest,), kind="buffer", family=""),
    )


def fixed_count(units: int, share: float) -> int:
    """How many of the output units ``frozen=share`` fixes, the first of them: the share, rounded half up."""
    from fractions import Fraction  # only where a fraction of the units is frozen

    return int(Fraction(str(share)) * units + Fraction(1, 2))


@record
class Unit:
    """An instance of a block or a composition. ``graphs`` are the specialisations it runs, the first of them first."""

    graphs: tuple[Graph, ...]
    checkpoint: bool = False

    @property
    def graph(self) -> Graph:
        return self.graphs[0]


@record
class Row:
    """A repetition: equal neighbours share an entry. ``parts`` are (how many in a row, what each is)."""

    parts: tuple[tuple[int, Leaf | Unit | Row], ...]

    @property
    def count(self) -> int:
        return sum(n for n, _ in self.parts)


@record
class Child:
    """An instance and its path, relative to the instance that holds it (``conv1``, ``layer.0``)."""

    path: str
    instance: Leaf | Unit | Row
    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------------------------------------------- graph


@record
class Port:
    """A named input. ``value`` is None where an optional input was left out."""

    name: str
    value: Value | None
    span: Span = field(compare=False, repr=False)


@record
class Result:
    """A result: its name (``""`` for the only, unnamed one) and what it is."""

    name: str
    value: Operand


@record(eq=False, weak=True)
class Graph:
    """One specialisation of a block, ``fn`` or composition. Identity is equality: it is made once and shared.

    ``places``, of a composition: what stands at its places, in order (a child's path, or the index of the node of a
    function), so that it can become an ``nn.Sequential``; None where it is no plain row of modules.
    """

    name: str
    kind: str  # "block" | "model" | "fn" | "composition" | "system" | "region" | "inverse" | "extern"
    hypers: tuple[tuple[str, Any], ...]
    symbols: tuple[Symbol, ...]  # local letters left open, in order of first use
    letters: tuple[tuple[str, Dim], ...]  # every letter of the signature and what it stands for here
    ports: tuple[Port, ...]
    borrows: tuple[str, ...]
    nodes: tuple[Node, ...]
    results: tuple[Result, ...]
    children: tuple[Child, ...]
    states: tuple[State, ...]
    setup: tuple[Node, ...]  # nodes that compute what buffers start with, once
    names: dict[int, str]  # value index -> the name the author gave it
    places: tuple[str | int, ...] | None
    doc: str
    span: Span = field(repr=False)
    promises: tuple[Promise, ...] = ()
    sizes: tuple[Symbol, ...] = ()  # open dimensions that no input has as an axis: the caller says them
    inverse: Graph | None = None  # the second body, which runs the same modules; its letters are those of the first
    foreign: str = ""  # of an extern, which has no nodes: "package.module:Class"
    tags: tuple[Tag, ...] = ()
    laws: tuple[SaidLaw, ...] = ()
    edges: tuple[SaidEdges, ...] = ()
    role: str = ""  # what the block is for, or the ``@init`` above it, as a node has it

    def values(self) -> Iterator[Value]:
        """Every value, inputs first, then in the order of the nodes."""
        for port in self.ports:
            if port.value is not None:
                yield port.value
        for node in self.nodes:
            yield from node.outputs


@record
class Tag:
    """``@tag(generative)``: what a declaration is meant to be."""

    name: str
    span: Span = field(compare=False, repr=False)


@record
class SaidLaw:
    """``@law(bernoulli)``: given a value of the graph, by its index, the target has this law."""

    value: int
    law: str
    span: Span = field(compare=False, repr=False)


@record
class SaidEdges:
    """``@edges(adjacency=directed)``: of which kind the edges in a value of the graph are, by its index."""

    value: int
    kind: str
    span: Span = field(compare=False, repr=False)


@record
class Query:
    """Something an analysis answers, in an ``expect``: ``params``, ``flops(image=[1, 3, 224, 224])``."""

    name: str
    args: tuple[tuple[str, Any], ...] = ()


@record
class Promise:
    """An ``expect``: comparisons that all have to hold, as (left, operator, right) of numbers, ranges and queries."""

    comparisons: tuple[tuple[Any, str, Any], ...]
    text: str
    span: Span = field(compare=False, repr=False)


@record
class Program:
    """An entry point, elaborated: its graph, and the conditions on its open dimensions."""

    name: str
    graph: Graph
    conditions: tuple[Requirement, ...]  # as they were met, implied ones and all
    facts: Any  # ir.facts.Facts
    source: Source | None = field(default=None, compare=False, repr=False)  # the file that it was asked of

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The conditions on the open dimensions, without those that follow from the others."""
        return minimal(self.conditions)

    @property
    def inputs(self) -> tuple[Port, ...]:
        return tuple(port for port in self.graph.ports if port.value is not None)

    @property
    def outputs(self) -> tuple[Result, ...]:
        return self.graph.results

    @property
    def parameters(self) -> tuple[Any, ...]:
        """Every parameter once, with its key, type, law and whether it is frozen: ``analyses.paths.Entry``."""
        from fanin.analyses.paths import parameters

        return tuple(parameters(self))

    def to_networkx(self) -> Any:
        """The nodes of the program's graph as a ``networkx.MultiDiGraph``, for the algorithms that it has."""
        from fanin.analyses.view import view

        return view(self.graph)


def acts(node: Node) -> bool:
    """Whether it is there for what it does, and not for what it gives."""
    return isinstance(node, Update | Move | Draws)


def regions(node: Node) -> tuple[Graph, ...]:
    """The parts of a graph that a node runs in its own way: their modules, parameters and letters are the graph's."""
    if isinstance(node, Scan | Iterate | Ensemble | Update):
        return (node.graph,)
    return (node.training, node.evaluation) if isinstance(node, Choice) else ()


def bodies(graph: Graph) -> tuple[Node, ...]:
    """The nodes of a graph, and of its inverse."""
    return graph.nodes if graph.inverse is None else (*graph.nodes, *graph.inverse.nodes)


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """Nodes, each with those of its regions behind it."""
    work = list(nodes)[::-1]
    while work:
        node = work.pop()
        yield node
        for region in reversed(regions(node)):
            work.extend(reversed(region.nodes))
