"""What an application does: floating-point operations.

They are a dimension in the letters of a graph; a call puts in what these are for it. They are counted as PyTorch's
counter counts: matrix products, convolutions and attention, two for a multiply-add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fanin.analyses.paths import Instance
from fanin.analyses.reading import Mask, all_of, called, letters, running, types_of
from fanin.analyses.records import Records
from fanin.ir.dims import Dim, Symbol, substitute
from fanin.ir.graph import Apply, Call, Choice, Ensemble, Graph, Iterate, Node, Repeat, Row, Scan, Unit
from fanin.ir.types import TensorType
from fanin.record import field, record


@record
class Work:
    """Operations of one application."""

    flops: Dim = 0


@record(frozen=False)
class _Record:
    work: dict[Mask, Work] = field(default_factory=dict)


_records = Records(_Record)


def work_of(graph: Graph, mask: Mask | None = None) -> Work:
    """What one application of a graph does, in its own letters, where these of its results are read (or all)."""
    mask = all_of(graph) if mask is None else mask
    _prepare(graph, mask)
    return _records[graph].work[mask]


def work_by_node(graph: Graph) -> list[tuple[Node, Work]]:
    """The nodes that run where all results are read, and what each does."""
    _prepare(graph, all_of(graph))
    return [(node, _node_work(node, outputs)) for node, outputs in running(graph, all_of(graph))]


def node_work(node: Node, outputs: Mask) -> Work:
    """What a node does in the letters of its graph, where these outputs of it are read."""
    for graph, mask in called(node, outputs):
        _prepare(graph, mask)
    return _node_work(node, outputs)


def instance_work(instance: Instance) -> Work:
    """One application of an instance, as its first one was."""
    todo: list[tuple[int, Instance]] = [(1, instance)]
    found: list[tuple[int, Work]] = []
    while todo:
        times, made = todo.pop()
        if isinstance(made, Row):
            todo.extend((times * count, part) for count, part in made.parts)
        elif isinstance(made, Unit):
            found.append((times, work_of(made.graph)))
        else:
            found.append((times, Work(made.op.flops(made.attrs, *made.types))))
    return _total(found)


def _prepare(graph: Graph, mask: Mask) -> None:
    """Work out a graph and all that it runs, the inner ones first."""
    stack = [(graph, mask, False)]
    while stack:
        here, wanted, ready = stack.pop()
        if wanted in _records[here].work:
            continue
        nodes = running(here, wanted)
        if ready:
            _records[here].work[wanted] = _sum(nodes)
            continue
        stack.append((here, wanted, True))
        for node, read in nodes:
            stack += [(inner, outputs, False) for inner, outputs in called(node, read)]


def _sum(nodes: list[tuple[Node, Mask]]) -> Work:
    """The work of nodes; equal ones are worked out once."""
    times: Counter[Any] = Counter()
    first: dict[Any, tuple[Node, Mask]] = {}
    for node, outputs in nodes:
        key: Any = id(node)
        if isinstance(node, Apply):
            key = (node.op, node.attrs, *types_of(node.inputs))
        elif isinstance(node, Call):
            key = (node.graph, node.sizes, outputs, *types_of(node.inputs))
        times[key] += 1
        first.setdefault(key, (node, outputs))
    return _total([(n, _node_work(*first[key])) for key, n in times.items()])


def _total(parts: list[tuple[int, Work]]) -> Work:
    operations: Dim = 0
    for n, work in parts:
        operations = operations + n * work.flops
    return Work(operations)


# -------------------------------------------------------------------------------------------------------- nodes


def _node_work(node: Node, outputs: Mask) -> Work:
    match node:
        case Apply() | Call():
            return _use_work(node, outputs)
        case Repeat():
            return _total([(run.count, _use_work(run.call, None)) for run in node.runs])
        case Scan():
            return _scan_work(node)
        case Iterate():
            return _total([(node.limit, _every(node.graph, types_of(node.inputs)))])
        case Ensemble():
            types = [t if t is None else t.with_shape(*t.shape[1:]) for t in types_of(node.inputs)]
            return _total([(node.count, _every(node.graph, types))])
        case Choice():
            return _every(node.evaluation, types_of(node.inputs))
        case _:
            return Work()


def _use_work(node: Apply | Call, outputs: Mask | None) -> Work:
    types: list[Any] = types_of(node.inputs)
    if isinstance(node, Apply):
        return Work(node.op.flops(node.attrs, *types))
    graph = node.graph
    return _inner(graph, all_of(graph) if outputs is None else outputs, letters(graph, types, node.sizes))


def _every(graph: Graph, types: list[TensorType | None]) -> Work:
    return _inner(graph, all_of(graph), letters(graph, types, ()))


def _inner(graph: Graph, mask: Mask, sizes: Mapping[Symbol, Dim]) -> Work:
    """The work of a graph in the letters of the graph around."""
    return Work(substitute(_records[graph].work[mask].flops, sizes))


def _scan_work(node: Scan) -> Work:
    """A cell once for each step: it takes a slice of the sequences."""
    types: list[TensorType | None] = []
    for i, t in enumerate(types_of(node.inputs)):
        if t is not None and i in node.sequences:
            axis = node.axis % t.rank
            t = t.with_shape(*t.shape[:axis], *t.shape[axis + 1 :])
        types.append(t)
    return Work(_every(node.graph, types).flops * node.steps)
