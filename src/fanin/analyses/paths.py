"""What a program holds and under which path: instances, parameters and buffers, walked as they are asked for.

Paths are relative to a graph in the IR; here they are absolute. The order is that of ``nn.Module.state_dict``: what an
instance owns itself, parameters before buffers, then what is in it, in the order of the text. A repetition is gone
through place by place, and only as far as the caller goes on; equal places can be asked for as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from fanin.ir.graph import (
    Call,
    Child,
    Ensemble,
    Graph,
    Leaf,
    ModuleRef,
    Program,
    Repeat,
    Row,
    StateRef,
    Unit,
    Value,
    every_node,
)
from fanin.ir.laws import Law
from fanin.ir.types import TensorType
from fanin.record import field, record
from fanin.source import Span

Instance: TypeAlias = Leaf | Unit | Row


@record
class Entry:
    """A parameter or buffer: its key in the ``state_dict``, and how it starts.

    ``tied`` is the key of the parameter that it is, where it is another's; ``start`` of a tensor that is computed
    rather than drawn is a value of the setup of its graph.
    """

    key: str
    kind: str  # "param" | "buffer"
    type: TensorType
    start: Law | Value | None
    frozen: bool | float = False
    tied: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@record
class Scope:
    """A graph as one instance runs it: where that instance is, and the absolute paths of the modules lent to it."""

    graph: Graph
    path: str
    lent: tuple[tuple[str, str], ...] = ()

    def absolute(self, ref: ModuleRef) -> str | None:
        """The path of a module; None for a borrowed one that no use of this instance says."""
        return dict(self.lent).get(ref.path) if ref.borrowed else join(self.path, ref.path)

    def key(self, ref: StateRef) -> str | None:
        """The key of a parameter or buffer."""
        if ref.module is None:
            return join(self.path, ref.name)
        path = self.absolute(ref.module)
        return None if path is None else join(path, ref.name)


@record
class Place:
    """An instance and its absolute path; ``count`` equal ones in a row where places are folded, this one the first.

    ``scope`` is the graph that holds it, ``local`` its path in there, ``copies`` the sizes of the ensembles around it.
    """

    path: str
    instance: Instance
    scope: Scope | None = None
    local: str = ""
    count: int = 1
    copies: tuple[int, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def root(program: Program) -> Place:
    """The program itself, as an instance without a name."""
    return Place("", Unit((program.graph,)), span=program.graph.span)


def inside(place: Place, fold: bool = False) -> Iterator[Place]:
    """The instances directly in this one. With ``fold``, equal neighbours of a repetition are one, with a count."""
    instance = place.instance
    if isinstance(instance, Unit):
        scope = scope_of(place)
        ensembles = _ensembles(scope.graph)
        for child in ordered(scope.graph):
            copies = place.copies + ensembles.get(child.path, ())
            yield Place(join(scope.path, child.path), child.instance, scope, child.path, 1, copies, child.span)
    elif isinstance(instance, Row):
        index = 0
        for count, part in instance.parts:
            for i in range(index, index + (1 if fold else count)):
                path, local = join(place.path, str(i)), join(place.local, str(i))
                yield Place(path, part, place.scope, local, count if fold else 1, place.copies, place.span)
            index += count


def walk(program: Program, fold: bool = False) -> Iterator[Place]:
    """Every instance, each before what is in it; the program itself is not among them."""
    stack = [inside(root(program), fold)]
    while stack:
        place = next(stack[-1], None)
        if place is None:
            stack.pop()
            continue
        yield place
        if not isinstance(place.instance, Leaf):
            stack.append(inside(place, fold))


def owned(place: Place) -> Iterator[Entry]:
    """The parameters and buffers that an instance owns itself."""
    instance = place.instance
    if isinstance(instance, Leaf):
        for w in instance.stored:
            tied = None if w.tied is None or place.scope is None else place.scope.key(w.tied)
            frozen = instance.frozen if w.spec.kind == "param" else False
            yield Entry(
                join(place.path, w.spec.name),
                w.spec.kind,
                TensorType(w.spec.dtype, (*place.copies, *w.spec.shape)),
                w.law,
                frozen,
                tied,
                place.span,
            )
    elif isinstance(instance, Unit):
        for kind in ("param", "buffer"):
            for s in instance.graph.states:
                if s.kind == kind:
                    type_ = s.type.with_shape(*place.copies, *s.type.shape)
                    yield Entry(join(place.path, s.name), kind, type_, s.start, s.frozen, None, s.span)


def entries(program: Program) -> Iterator[Entry]:
    """Every parameter and buffer, in the order of the ``state_dict``; one that is tied stands under both its keys."""
    yield from owned(root(program))
    for place in walk(program):
        yield from owned(place)


def parameters(program: Program) -> Iterator[Entry]:
    """Every parameter once, as ``named_parameters`` has them."""
    return (e for e in entries(program) if e.kind == "param" and e.tied is None)


def ties(program: Program) -> Iterator[Entry]:
    """Parameters that are another's, once for equal places of a repetition."""
    for place in walk(program, fold=True):
        if isinstance(place.instance, Leaf) and any(w.tied is not None for w in place.instance.weights):
            yield from (e for e in owned(place) if e.tied is not None)


# ---------------------------------------------------------------------------------------------------- in a graph


def ordered(graph: Graph) -> list[Child]:
    """The children as their containers hold them: what shares the first part of a path stands together."""
    children = list(graph.children)
    if not any("." in child.path for child in children):
        return children
    tree: dict[str, Any] = {}
    for child in children:
        here = tree
        *above, last = child.path.split(".")
        for name in above:
            here = here.setdefault(name + ".", {})
        here[last] = child
    found: list[Child] = []
    stack = [iter(tree.values())]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, Child):
            found.append(entry)
        else:
            stack.append(iter(entry.values()))
    return found


def resolve(graph: Graph, path: str) -> Instance | None:
    """The instance at a path in a graph, perhaps in a repetition or another instance; None where there is none."""
    steps = path.split(".")
    table = {child.path: child.instance for child in graph.children}
    at, name = 0, ""
    while at < len(steps):
        name = join(name, steps[at])
        at += 1
        found = table.get(name)
        if found is None:
            continue
        name = ""
        while isinstance(found, Row) and at < len(steps):
            found = part_at(found, steps[at])
            at += 1
        if found is None or at == len(steps):
            return found
        if not isinstance(found, Unit):
            return None
        table = {child.path: child.instance for child in found.graph.children}
    return None


def part_at(row: Row, index: str) -> Instance | None:
    """What stands at a place of a repetition."""
    left = int(index) if index.isdecimal() else row.count
    for count, part in row.parts:
        if left < count:
            return part
        left -= count
    return None


def scope_of(place: Place) -> Scope:
    """The graph that an instance of a block or composition runs, with what is lent to it."""
    assert isinstance(place.instance, Unit)
    graph = place.instance.graph
    if not graph.borrows or place.scope is None:
        return Scope(graph, place.path)
    refs = _lent(place.scope.graph, place.local)
    lent = ((name, place.scope.absolute(ref)) for name, ref in zip(graph.borrows, refs, strict=False))
    return Scope(graph, place.path, tuple((name, path) for name, path in lent if path is not None))


def _lent(graph: Graph, path: str) -> tuple[ModuleRef, ...]:
    """The modules that the first use of an instance lends to it."""
    row, _, index = path.rpartition(".")
    for node in every_node(graph.nodes):
        if isinstance(node, Repeat) and node.module.path == row and index.isdecimal():
            left = int(index)
            for run in node.runs:
                if left < run.count:
                    return getattr(run.call, "lent", ())
                left -= run.count
        elif isinstance(node, Call) and node.module == ModuleRef(path):
            return node.lent
    return ()


def _ensembles(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {n.module.path: (n.count,) for n in every_node(graph.nodes) if isinstance(n, Ensemble)}
