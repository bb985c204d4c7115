"""A graph as networkx has graphs: a view for its algorithms, made anew each time, and never the IR."""

from __future__ import annotations

from typing import Any

from fanin.ir.graph import Apply, Call, Graph, Node, Value


def view(graph: Graph) -> Any:
    """A ``MultiDiGraph``: inputs by their names, nodes and results as pairs (``("node", 3)``, ``("result", 0)``).

    An edge is a value, with its ``index``, ``type`` and the ``port`` it goes to. A node has ``kind``, ``label`` and the
    IR's own ``node``; its module is ``path``.
    """
    import networkx

    made: Any = networkx.MultiDiGraph(name=graph.name)
    sources: dict[int, Any] = {}
    for port in graph.ports:
        if port.value is not None:
            made.add_node(port.name, kind="input", label=port.name, type=port.value.type)
            sources[port.value.index] = port.name
    for number, node in enumerate(graph.nodes):
        key = ("node", number)
        module = getattr(node, "module", None)
        path = None if module is None else module.path
        made.add_node(key, kind=type(node).__name__.lower(), label=_label(node), path=path, node=node)
        for value in node.outputs:
            sources[value.index] = key
        for place, operand in enumerate(node.inputs):
            if isinstance(operand, Value):
                made.add_edge(sources[operand.index], key, index=operand.index, type=operand.type, port=place)
    for number, result in enumerate(graph.results):
        key = ("result", number)
        made.add_node(key, kind="result", label=result.name or "result", type=result.value.type)
        if isinstance(result.value, Value):
            index = result.value.index
            made.add_edge(sources[index], key, index=index, type=result.value.type, port=0)
    return made


def _label(node: Node) -> str:
    if isinstance(node, Apply):
        return node.op.name if node.module is None else node.op.module or node.op.name
    if isinstance(node, Call):
        return node.graph.name or node.graph.kind
    return type(node).__name__.lower()
