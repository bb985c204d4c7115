"""What each part of a model holds and does: the rows of its table.

A row stands for an instance, or for equal neighbours of a repetition or loop, which are folded into one; its numbers
are of all that it stands for, so that the rows of one level add up. What is shared counts its weights once, where it
lives, and its operations where it is used there.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.analyses import paths
from fanin.analyses.paths import Instance, Place
from fanin.analyses.reading import Mask, all_of, letters, running, types_of
from fanin.analyses.weights import Weights, instance_weights
from fanin.analyses.work import node_work
from fanin.ir.dims import Dim, Symbol, expand, substitute
from fanin.ir.graph import (
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Leaf,
    ModuleRef,
    Node,
    Program,
    Repeat,
    Row,
    Scan,
    Unit,
)
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Part:
    """A row. ``path`` has a range where ``count`` is more than 1 (``layer1.1–2``); dimensions are the model's."""

    path: str
    level: int  # 1 for what stands in the model itself
    count: int
    instance: Instance
    outputs: tuple[TensorType, ...]  # of its first use
    weights: Weights
    flops: Dim
    uses: int  # how often what lives here is applied
    tied: tuple[tuple[str, str], ...] = ()  # names of its parameters that are another's, and the keys of those
    role: str = ""  # what it is for, where that is said: of its use, or of the block that it is


@record
class _Use:
    """A graph as it is run: which results are read, and what its letters are in those of the model."""

    graph: Graph
    mask: Mask
    letters: tuple[tuple[Symbol, Dim], ...]


@record
class _Site:
    """Where a graph applies an instance: so many times in a row."""

    times: Dim
    node: Node
    outputs: Mask


_Uses = dict[_Use, Dim]
_Sites = dict[str, dict[str, list[_Site]]]  # by the path around and the last part, so that a range is found fast
_Tables = list[tuple[_Use, Dim, _Sites]]
_Found = list[tuple[_Use, Dim, _Site]]


@record
class _Group:
    """Places that are one row: the first of them, and what they are called; ``times``, how many all rows around are."""

    place: Place
    path: str
    count: int
    times: int
    level: int


def breakdown(program: Program, depth: int | None = None) -> Iterator[Part]:
    """The rows of a program down to a depth, each before what is in it. A row of equal places alone is no level."""
    top = _tables({_Use(program.graph, all_of(program.graph), ()): 1})
    stack = [(_groups(paths.root(program), "", 1, 1), top)]
    while stack:
        groups, tables = stack[-1]
        group = next(groups, None)
        if group is None:
            stack.pop()
            continue
        made = group.place.instance
        found = _sites_of(group, tables)
        plain = isinstance(made, Row) and len(made.parts) == 1
        if not plain:
            yield _part(group, found)
            if isinstance(made, Leaf) or (depth is not None and group.level >= depth):
                continue
        inner = tables if isinstance(made, Row) else _tables(_inner_uses(found))
        level = group.level if plain else group.level + 1
        stack.append((_groups(group.place, group.path, group.times * group.count, level), inner))


def _groups(place: Place, path: str, times: int, level: int) -> Iterator[_Group]:
    """What is directly in a place; equal neighbours that differ in their last number are one."""
    group: _Group | None = None
    around, start, end = "", 0, 0
    for inner in paths.inside(place, fold=True):
        above, _, last = inner.path.removeprefix(place.path).lstrip(".").rpartition(".")
        number = int(last) if last.isdecimal() else -2
        if group is not None and (above, number) == (around, end) and inner.instance == group.place.instance:
            end += inner.count
        else:
            if group is not None:
                yield group
            around, start, end = above, number, number + inner.count
        name = last if start < 0 or end - start == 1 else f"{start}–{end - 1}"
        first = inner if group is None or end - start == inner.count else group.place
        group = _Group(first, paths.join(path, paths.join(above, name)), max(end - start, 1), times, level)
    if group is not None:
        yield group


# --------------------------------------------------------------------------------------------------------- uses


def _tables(uses: _Uses) -> _Tables:
    return [(use, times, _sites(use)) for use, times in uses.items()]


def _sites(use: _Use) -> _Sites:
    """Where a graph applies each of its instances."""
    found: _Sites = {}

    def add(path: str, site: _Site) -> None:
        above, _, last = path.rpartition(".")
        found.setdefault(above, {}).setdefault(last, []).append(site)

    work: list[tuple[Graph, Mask, Dim]] = [(use.graph, use.mask, 1)]
    while work:
        graph, mask, times = work.pop()
        for node, outputs in running(graph, mask):
            work += [(region, all_of(region), times * turns) for region, turns in _turns(node)]
            module = getattr(node, "module", None)
            if not isinstance(module, ModuleRef) or module.borrowed:
                continue
            add(module.path, _Site(times, node, outputs))
            if isinstance(node, Repeat):
                index = 0
                for run in node.runs:
                    every = (True,) * len(run.call.outputs)
                    add(f"{module.path}.{index}", _Site(times * run.count, run.call, every))
                    index += run.count
    return found


def _turns(node: Node) -> list[tuple[Graph, Dim]]:
    """The regions that a node runs, and how often; of an ``if training`` what runs afterwards."""
    if isinstance(node, Scan):
        return [(node.graph, node.steps)]
    if isinstance(node, Iterate):
        return [(node.graph, node.limit)]
    return [(node.evaluation, 1)] if isinstance(node, Choice) else []


def _sites_of(group: _Group, tables: _Tables) -> _Found:
    """Every application of what a row stands for, with the use of the graph around that it is part of."""
    above, _, last = group.place.local.rpartition(".")
    found: _Found = []
    for use, times, sites in tables:
        at = sites.get(above, {})
        names = [last]
        if group.count > 1:
            names = [n for n in at if n.isdecimal() and 0 <= int(n) - int(last) < group.count]
        found += [(use, times, site) for name in names for site in at.get(name, ())]
    return found


def _inner_uses(sites: _Found) -> _Uses:
    """The graphs that applications run, in the letters of the model."""
    found: _Uses = {}
    for use, times, site in sites:
        node, times = site.node, times * site.times
        if isinstance(node, Ensemble):
            times, node = times * node.count, node.graph.nodes[-1]
        if isinstance(node, Call):
            known = dict(use.letters)
            types = [None if t is None else _put(t, known) for t in types_of(node.inputs)]
            inner = letters(node.graph, types, [substitute(d, known) for d in node.sizes])
            key = _Use(node.graph, site.outputs, tuple(inner.items()))
            found[key] = found.get(key, 0) + times
    return found


def _put(t: TensorType, known: dict[Symbol, Dim]) -> TensorType:
    return t.with_shape(*(expand(substitute(d, known)) for d in t.shape))


# --------------------------------------------------------------------------------------------------------- rows


def _part(group: _Group, sites: _Found) -> Part:
    place = group.place
    flops: Dim = 0
    applied: Dim = 0
    for use, times, site in sites:
        work = node_work(site.node, site.outputs).flops
        flops = flops + times * site.times * expand(substitute(work, dict(use.letters)))
        applied = applied + times * site.times
    copies = group.times * group.count * prod(place.copies)
    return Part(
        group.path,
        group.level,
        group.count,
        place.instance,
        _outputs(sites),
        instance_weights(place.instance) * copies,
        flops,
        applied // copies if isinstance(applied, int) else 1,
        tuple((e.key.rpartition(".")[2], e.tied) for e in paths.owned(place) if e.tied is not None),
        _role(place.instance, sites),
    )


def _role(instance: Instance, sites: _Found) -> str:
    said = [site.node.role for _, _, site in sites if site.node.role]
    said += [graph.role for graph in instance.graphs if graph.role] if isinstance(instance, Unit) else []
    return said[0] if said else ""


def _outputs(sites: _Found) -> tuple[TensorType, ...]:
    for use, _, site in sites:
        return tuple(_put(value.type, dict(use.letters)) for value in site.node.outputs)
    return ()
