"""What a model costs: parameters, buffers, floating-point operations, memory.

Everything is computed once for a graph and multiplied, so a thousand equal layers cost what one does. An instance that
is used several times counts its parameters once and its operations each time; what nobody reads is not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fanin.analyses.paths import Instance, resolve
from fanin.analyses.records import Records
from fanin.analyses.sizes import Misfit, bind_shapes, broken_requirement, evaluate_at
from fanin.analyses.weights import Weights, instance_weights, weights_of
from fanin.analyses.work import Work, instance_work, work_by_node, work_of
from fanin.ir.dims import Dim, expand
from fanin.ir.graph import Ensemble, Graph, ModuleRef, Node, Program, every_node
from fanin.record import field, record

if TYPE_CHECKING:
    from fanin.analyses.memory import Memory

__all__ = [
    "Cost",
    "Misfit",
    "buffers",
    "flops",
    "flops_at",
    "flops_of",
    "flops_of_at",
    "memory",
    "of_graph",
    "of_instance",
    "of_node",
    "parameters",
    "trainable",
    "weights_of",
]


@record
class Cost:
    """What something holds, and what one application of it does, in the letters of its graph.

    The sum over the nodes of a graph, and of its own parameters and buffers, is that of the graph.
    """

    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    flops: Dim = 0


# ---------------------------------------------------------------------------------------------------- a program


def parameters(program: Program) -> int:
    """How many numbers are parameters: a tied one once, frozen ones too, buffers not."""
    return weights_of(program.graph).parameters


def trainable(program: Program) -> int:
    """How many of them are not frozen."""
    return weights_of(program.graph).trainable


def buffers(program: Program) -> int:
    """How many numbers are state that is not learned."""
    return weights_of(program.graph).buffers


def flops(program: Program) -> Dim:
    """Operations of one application, in the open dimensions of the inputs."""
    return flops_of(program.graph)


def flops_at(program: Program, shapes: Mapping[str, Sequence[int]]) -> int | Misfit:
    """Operations where the inputs have these shapes, by name; the sizes have to meet the conditions of the model."""
    sizes = bind_shapes(program.graph, shapes)
    broken = sizes if isinstance(sizes, Misfit) else broken_requirement(program, sizes)
    return broken if broken is not None else flops_of_at(program.graph, shapes)


def memory(program: Program, width: int = 4) -> Memory:
    """Bytes of parameters, and of activations at their peak, where a float takes ``width``."""
    from fanin.analyses.memory import memory_of  # only where it is asked for

    return memory_of(program.graph, width)


# ------------------------------------------------------------------------------------------- graphs and their parts


def flops_of(graph: Graph) -> Dim:
    """Operations of one application of a graph, in the open dimensions of the model's inputs."""
    return expand(work_of(graph).flops)


def flops_of_at(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> int | Misfit:
    """The same where its inputs have these shapes."""
    sizes = bind_shapes(graph, shapes)
    return sizes if isinstance(sizes, Misfit) else evaluate_at(graph, work_of(graph).flops, sizes)


def of_graph(graph: Graph) -> Cost:
    """An instance of a graph: what it holds, and one application of it with all results read."""
    return _cost(weights_of(graph), work_of(graph))


def of_instance(instance: Instance) -> Cost:
    """An instance: what it holds, and one application of it."""
    return _cost(instance_weights(instance), instance_work(instance))


def of_node(graph: Graph, node: Node) -> Cost:
    """A node of a graph: its work, 0 where nobody reads it, and the weights of its module where it is its first use."""
    record = _records[graph]
    if record.nodes is None:
        record.nodes = _by_node(graph)
    return record.nodes.get(_key(node), Cost())


@record(frozen=False)
class _Record:
    nodes: dict[int, Cost] | None = field(default=None)


_records = Records(_Record)


def _cost(weights: Weights, work: Work) -> Cost:
    return Cost(weights.parameters, weights.trainable, weights.buffers, work.flops)


def _key(node: Node) -> int:
    return node.outputs[0].index if node.outputs else -1


def _by_node(graph: Graph) -> dict[int, Cost]:
    work = {_key(node): done for node, done in work_by_node(graph)}
    children = {child.path: child.instance for child in graph.children}
    found: dict[int, Cost] = {}
    seen: set[str] = set()
    for node in graph.nodes:
        weights = Weights()
        for part in every_node([node]):
            module = getattr(part, "module", None)
            if isinstance(module, ModuleRef) and not module.borrowed and not _within(module.path, seen):
                made = children.get(module.path) or resolve(graph, module.path)
                if made is not None:
                    weights += instance_weights(made) * (part.count if isinstance(part, Ensemble) else 1)
                seen.add(module.path)
        found[_key(node)] = _cost(weights, work.get(_key(node), Work()))
    return found


def _within(path: str, seen: set[str]) -> bool:
    """Whether a path, or what is around it, has been seen."""
    while path:
        if path in seen:
            return True
        path = path.rpartition(".")[0]
    return False
