"""Whether a network is what a cut leaves of another: the same modules and ops, with the attributes after the cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanin.analyses.couplings.walk import within
from fanin.analyses.paths import join
from fanin.emit.arch.facts import Changes
from fanin.ir.graph import Apply, Call, Choice, Graph, Iterate, Leaf, Program, Row, Scalar, Scan, Unit, Update


def disagreement(changes: Changes, parent: Program, small: Program) -> str:
    """The first place at which a network is not what it should be; empty where it is all of it."""
    return next(_graphs(changes, parent.graph, small.graph, "", ""), "")


def _graphs(changes: Changes, a: Graph, b: Graph, path: str, key: str) -> Iterator[str]:
    where = f"`{path}`" if path else "the network"
    if len(a.nodes) != len(b.nodes):
        yield f"{where} has {len(b.nodes)} steps, not {len(a.nodes)}"
        return
    for x, y in zip(a.nodes, b.nodes, strict=True):
        yield from _nodes(changes, x, y, path, key)
    mine, other = {c.path: c.instance for c in a.children}, {c.path: c.instance for c in b.children}
    if list(mine) != list(other):
        yield f"{where} has {', '.join(other)}, not {', '.join(mine)}"
        return
    for name, made in mine.items():
        yield from _instances(changes, made, other[name], join(path, name))


def _nodes(changes: Changes, x: Any, y: Any, path: str, key: str) -> Iterator[str]:
    module = getattr(x, "module", None)
    if module is not None:
        if getattr(y, "module", None) != module:
            yield f"`{x.span.text}` in `{path}` has become `{y.span.text}`"
        return
    if type(x) is not type(y) or len(x.inputs) != len(y.inputs) or _numbers(x) != _numbers(y):
        yield f"`{x.span.text}` in `{path}` has become `{y.span.text}`, of {_numbers(y)} in the place of {_numbers(x)}"
    elif isinstance(x, Apply):
        wanted = changes.attributes(key, x)
        op, attrs = wanted if isinstance(wanted, tuple) else (x.op.name, wanted)
        if y.op.name != op or not _same(y.attrs, attrs):
            yield f"`{y.span.text}` in `{path}` is {y.attrs}, not {attrs}"
    elif isinstance(x, Call):
        yield from _graphs(changes, x.graph, y.graph, path, within(key, x))
    elif isinstance(x, Scan | Iterate | Update):
        for n, m in zip(x.graph.nodes, y.graph.nodes, strict=False):
            yield from _nodes(changes, n, m, path, key)
    elif isinstance(x, Choice):
        for p, q in ((x.training, y.training), (x.evaluation, y.evaluation)):
            for n, m in zip(p.nodes, q.nodes, strict=False):
                yield from _nodes(changes, n, m, path, key)


def _numbers(node: Any) -> list[Any]:
    """The numbers beside its tensors; open sizes are those of the inputs."""
    values = [o.value for o in node.inputs if isinstance(o, Scalar)]
    return [v for v in values if isinstance(v, (int, float))]


def _instances(changes: Changes, made: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(made, Row) or isinstance(other, Row):
        mine, theirs = _places(made), _places(other)
        if len(mine) != len(theirs):
            yield f"`{path}` has {len(theirs)} places, not {len(mine)}"
            return
        for i, (m, t) in enumerate(zip(mine, theirs, strict=True)):
            yield from _instances(changes, m, t, join(path, str(i)))
    elif isinstance(made, Leaf):
        replaced = changes.replaced(path)
        if replaced is not None:
            name, given = replaced
            own = dict(other.graph.hypers) if isinstance(other, Unit) else {}
            if not isinstance(other, Unit) or other.graph.name != name or any(own.get(k) != v for k, v in given):
                yield f"`{path}` is no {name}"
        elif not isinstance(other, Leaf) or other.op.name != made.op.name:
            yield f"`{path}` is no {made.op.name}"
        elif not _same(other.attrs, changes.leaf(path, made)):
            yield f"`{path}` is {other.attrs}, not {changes.leaf(path, made)}"
    elif not isinstance(other, Unit) or len(made.graphs) != len(other.graphs):
        yield f"`{path}` is another block"
    else:
        for p, q in zip(made.graphs, other.graphs, strict=True):
            yield from _graphs(changes, p, q, path, path)


def _places(made: Any) -> list[Any]:
    if isinstance(made, Row):
        return [part for count, part in made.parts for _ in range(count)]
    return [child.instance for child in made.graph.children] if isinstance(made, Unit) else [made]


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or repr(a) == repr(b)
