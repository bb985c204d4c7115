"""The graphs of a program: what they need, in which order they are written, and which of them share a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from fanin.emit.torch import places
from fanin.emit.torch.expressions import Tree, parts
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Graph,
    Leaf,
    Node,
    Repeat,
    Row,
    Unit,
    bodies,
    every_node,
)
from fanin.ops import code as ops

Key: TypeAlias = tuple[object, ...]
Family: TypeAlias = list[Graph]


def node_graphs(nodes: tuple[Node, ...]) -> Iterator[Graph]:
    """The graphs that nodes call, those in their regions too."""
    for node in every_node(nodes):
        match node:
            case Call() if not node.backwards:
                yield node.graph
            case Repeat():
                for run in node.runs:
                    if isinstance(run.call, Call):
                        yield run.call.graph


def helper_names(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The names of the functions that ops need printed."""
    for node in every_node(nodes):
        if isinstance(node, Apply) and node.module is None:
            types: list[Any] = [None if operand is None else operand.type for operand in node.inputs]
            todo: list[Tree] = [node.op.torch(node.attrs, *types)]
            while todo:
                tree = todo.pop()
                if isinstance(tree, ops.Helper):
                    yield tree.function.name
                    todo += [*tree.args, *(arg for _, arg in tree.keywords)]
                elif isinstance(tree, ops.IfNumber):
                    todo += [tree.number, tree.tensor]
                else:
                    todo += parts(tree)


def instances(graph: Graph) -> Iterator[Leaf | Unit]:
    for child in graph.children:
        yield from within(child.instance)


def within(instance: Leaf | Unit | Row) -> Iterator[Leaf | Unit]:
    """What a row is made of, or the instance itself."""
    todo = [instance]
    while todo:
        here = todo.pop()
        if isinstance(here, Row):
            todo.extend(part for _, part in reversed(here.parts))
        else:
            yield here


def units_of(child: Child) -> list[Unit]:
    return [instance for instance in within(child.instance) if isinstance(instance, Unit)]


def leaves(graph: Graph) -> list[Leaf]:
    return [instance for instance in instances(graph) if isinstance(instance, Leaf)]


def units(graph: Graph) -> list[Unit]:
    return [instance for instance in instances(graph) if isinstance(instance, Unit)]


def parts_of(graph: Graph) -> list[Graph]:
    """The graphs that a graph needs, in the order of the text, each once."""
    found: dict[int, Graph] = {}
    for unit in units(graph):
        for own in unit.graphs:
            found.setdefault(id(own), own)
    for own in node_graphs((*bodies(graph), *graph.setup)):
        found.setdefault(id(own), own)
    return list(found.values())


def reachable(root: Graph) -> Iterator[Graph]:
    """Every graph, parts before wholes."""
    done: set[int] = set()
    opened: set[int] = set()
    stack = [root]
    while stack:
        graph = stack[-1]
        if id(graph) in opened:
            stack.pop()
            if id(graph) not in done:
                done.add(id(graph))
                yield graph
            continue
        opened.add(id(graph))
        stack.extend(part for part in reversed(parts_of(graph)) if id(part) not in opened)


def block_key(graph: Graph) -> Key:
    """Equal for graphs of one block."""
    return graph.kind, graph.name, id(graph.span.source), graph.span.start, graph.span.end


def by_block(graphs: list[Graph], roots: Sequence[Graph]) -> Iterator[list[list[Family]]]:
    """Graphs but the roots by block, parts before wholes, and those that one instance runs together.

    Blocks that contain themselves, or each other, come together; any other comes alone.
    """
    families = families_of(graphs)
    by_key: dict[Key, list[Graph]] = {}
    for graph in graphs:
        if all(graph is not root for root in roots):
            by_key.setdefault(block_key(graph), []).append(graph)
    needs = {key: {block_key(p) for graph in own for p in parts_of(graph)} for key, own in by_key.items()}
    left = dict(by_key)
    while left:
        ready = [key for key in left if not needs[key] & left.keys()]
        for key in ready:
            yield [together(left.pop(key), families)]
        if not ready:
            knot = _knot(needs, left)
            yield [together(left.pop(key), families) for key in list(left) if key in knot]


def tangled(blocks: list[list[Family]]) -> bool:
    """Whether they contain themselves, or each other."""
    own = {id(graph) for families in blocks for family in families for graph in family}
    return any(id(part) in own for families in blocks for family in families for g in family for part in parts_of(g))


def nesting(blocks: list[list[Family]]) -> int:
    """How deep blocks that contain each other stand in one another."""
    depth: dict[int, int] = {}
    own = {id(graph): graph for families in blocks for family in families for graph in family}
    for root in own.values():
        for graph in reachable(root):
            inner = [depth[id(part)] for part in parts_of(graph) if id(part) in own]
            depth.setdefault(id(graph), max(inner, default=0) + (id(graph) in own))
    return max(depth.values(), default=0)


def one_by_one(blocks: list[list[Family]], graphs: list[Graph]) -> list[Family]:
    """The families of several blocks, parts before wholes."""
    families = {id(graph): family for own in blocks for family in own for graph in family}
    return together([graph for graph in graphs if id(graph) in families], families)


def _knot(needs: dict[Key, set[Key]], left: dict[Key, list[Graph]]) -> set[Key]:
    """Blocks that contain each other, and nothing else that is left."""
    reached: dict[Key, set[Key]] = {}
    for key in left:
        found: set[Key] = set()
        todo = [key]
        while todo:
            new = (needs[todo.pop()] & left.keys()) - found
            found |= new
            todo += new
        reached[key] = found
    return next({key} | found for key, found in reached.items() if all(key in reached[other] for other in found))


def together(graphs: list[Graph], families: dict[int, Family]) -> list[Family]:
    """The families of these graphs, each at the place of its last graph."""
    left = {id(graph) for graph in graphs}
    order: list[Family] = []
    for graph in graphs:
        left.discard(id(graph))
        family = families[id(graph)]
        if not any(id(own) in left for own in family):
            order.append(family)
    return order


def families_of(graphs: list[Graph]) -> dict[int, Family]:
    """For each graph those that run on the same instances, itself among them, in the order of ``graphs``.

    Two graphs of one instance bring those of their children together.
    """
    head = {id(graph): id(graph) for graph in graphs}
    known = {id(graph): graph for graph in graphs}

    def find(graph: int) -> int:
        while head[graph] != graph:
            graph = head[graph] = head[head[graph]]
        return graph

    todo: list[tuple[Graph, Graph]] = []
    for graph in graphs:
        for unit in units(graph):
            todo += [(unit.graph, other) for other in unit.graphs[1:]]
        for node in every_node(bodies(graph)):
            if isinstance(node, Call) and node.module is not None and not node.module.borrowed and not node.backwards:
                *_, (_, here) = places.walk(graph, node.module.path)
                instance = here.instance if isinstance(here, Child) else here
                todo += [(instance.graph, node.graph)] if isinstance(instance, Unit) else []
    while todo:
        a, b = todo.pop()
        if id(a) not in known or id(b) not in known or find(id(a)) == find(id(b)):
            continue
        head[find(id(a))] = find(id(b))
        others = {child.path: child.instance for child in b.children}
        for child in a.children:
            if child.path in others:
                todo += _twins(child.instance, others[child.path])
    found: dict[int, Family] = {}
    for graph in graphs:
        found.setdefault(find(id(graph)), []).append(graph)
    return {id(graph): found[find(id(graph))] for graph in graphs}


def _twins(a: Leaf | Unit | Row, b: Leaf | Unit | Row) -> Iterator[tuple[Graph, Graph]]:
    """The graphs that one instance runs where it is part of two graphs."""
    if isinstance(a, Unit) and isinstance(b, Unit):
        yield a.graph, b.graph
    elif isinstance(a, Row) and isinstance(b, Row):
        for x, y in zip(_places(a), _places(b), strict=False):
            yield from _twins(x, y)


def _places(row: Row) -> Iterator[Leaf | Unit | Row]:
    for count, part in row.parts:
        for _ in range(count):
            yield part
