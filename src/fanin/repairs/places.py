"""From the steps of an analysis to the text that they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from fanin.diagnostics.model import Edit
from fanin.ir.graph import Graph
from fanin.repairs.case import Case, Refused
from fanin.signal.tape import Step, Tensor
from fanin.source import Span
from fanin.syntax import tree

MATRICES = ("linear", "conv", "recurrent")


@dataclass(frozen=True)
class Site:
    """A constructor in the text, and the steps of the layers that it makes, in the order in which they run."""

    span: Span
    steps: tuple[Step, ...]

    @property
    def weight(self) -> Tensor:
        return matrix(self.steps[0])  # type: ignore[return-value]


def matrix(step: Step) -> Tensor | None:
    """The matrix or kernel of a layer; None where the step has none that is its own to learn."""
    for tensor in step.weights.values():
        if tensor.spec is not None and tensor.spec.family in MATRICES and tensor.kind == "param":
            return tensor
    return None


def sites(case: Case) -> list[Site]:
    """The constructors of weighted layers, in the order in which their layers first run.

    A weight that is tied to another's belongs to neither.
    """
    found: dict[Span, list[Step]] = {}
    for step in case.analysis.tape.steps:
        tensor = matrix(step)
        if tensor is not None and tensor.home is not None and tensor.key.startswith(step.path):
            found.setdefault(_made_at(tensor.home, tensor.local), []).append(step)
    return [Site(span, tuple(steps)) for span, steps in found.items()]


def _made_at(home: Graph, local: str) -> Span:
    """The text that made the layer at a path of a graph."""
    child = next(c for c in home.children if c.path == local or local.startswith(f"{c.path}."))
    return child.span


def nodes(root: Any) -> Iterator[tree.Tree]:
    """A tree and all that is in it, outer first, in the order of the text."""
    work = [root]
    while work:
        node = work.pop()
        if isinstance(node, tuple):
            work.extend(reversed(node))
        elif isinstance(node, tree.Tree | tree.File):
            if isinstance(node, tree.Tree):
                yield node
            work.extend(getattr(node, f.name) for f in reversed(fields(node)) if f.name not in ("span", "source"))


def constructor(case: Case, site: Site) -> tree.Call:
    """The call that makes the layers of a site. Raises Refused where it is not in the file."""
    mine(case, site.span, f"`{site.steps[0].path}`")
    for node in nodes(case.file):
        if isinstance(node, tree.Call) and _same(node.span, site.span):
            return node
    raise Refused(f"{site.span}: `{site.steps[0].path}` is made by `{site.span.text}`, which takes no initialiser")


def mine(case: Case, span: Span, what: str) -> None:
    """Raises Refused for what another file says."""
    if span.source.name != case.file.source.name or span.source.text != case.file.source.text:
        where = span.source.name
        if f"{'/'}std{'/'}" in where:
            where = "std." + where.rsplit("/", 1)[1].removesuffix(".arch")
        raise Refused(
            f"{what} stands in {where}, which this file only imports",
            f"copy the block from {where} into this file, and repair it here",
            span,
        )


def _same(a: Span, b: Span) -> bool:
    return (a.start, a.end) == (b.start, b.end)


def enclosing(case: Case, span: Span) -> tuple[tree.Statement, tree.Block]:
    """The innermost statement around a text, and the block that it is in. Raises Refused where there is none."""
    statement: tree.Statement | None = None
    block: tree.Block | None = None
    for node in nodes(case.file):
        if node.span.start <= span.start and span.end <= node.span.end:
            if isinstance(node, tree.Statement) and not isinstance(node, tree.For | tree.If):
                statement = node
            elif isinstance(node, tree.Block):
                block = node
    if statement is None or block is None:
        raise Refused(f"{span}: `{span.text}` is in no body that could get a parameter")
    return statement, block


def set_argument(call: tree.Call, name: str, text: str) -> Edit:
    """An argument by name: changed where the call has it, added where it has not."""
    for a in call.args:
        if a.name is not None and a.name.name == name:
            return Edit(a.value.span, text)
    close = call.span.end - 1
    before = ", " if call.args else ""
    if call.args and call.span.source.text[call.args[-1].span.end : close].strip() == ",":
        before = " "
    return Edit(Span(call.span.source, close, close), f"{before}{name}={text}")


def has_argument(call: tree.Call, name: str) -> bool:
    return any(a.name is not None and a.name.name == name for a in call.args)
