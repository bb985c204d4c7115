"""Parameters and FLOPs as the cost analysis has them, for what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.analyses import cost
from fanin.analyses.paths import resolve
from fanin.analyses.reading import letters, types_of
from fanin.ir.dims import Dim, substitute
from fanin.ir.graph import Apply, Call, Graph, Leaf, Node
from fanin.ir.types import TensorType


def graph_params(graph: Graph) -> int:
    return cost.of_graph(graph).parameters


def graph_flops(graph: Graph) -> Dim:
    """In the letters of the graph, as the others."""
    return cost.of_graph(graph).flops


def node_params(graph: Graph, node: Node) -> int:
    """Parameters of what a node applies; of a module used before, none."""
    return cost.of_node(graph, node).parameters


def node_flops(graph: Graph, node: Node) -> Dim:
    return cost.of_node(graph, node).flops


def run_params(graph: Graph, path: str, call: Call | Apply) -> int:
    """Parameters of one place of a repetition."""
    if isinstance(call, Call):
        return graph_params(call.graph)
    instance = resolve(graph, path)
    return cost.of_instance(instance).parameters if instance is not None else 0


def run_flops(call: Call | Apply) -> Dim:
    """FLOPs of one place of a repetition, in the letters of the graph around it."""
    types: Sequence[TensorType | None] = types_of(call.inputs)
    if isinstance(call, Apply):
        return call.op.flops(call.attrs, *types)  # type: ignore[arg-type]
    return substitute(graph_flops(call.graph), letters(call.graph, types, call.sizes))


def leaf_at(graph: Graph, path: str) -> Leaf | None:
    """PyTorch's own module at a path of a graph."""
    found = resolve(graph, path)
    return found if isinstance(found, Leaf) else None
