"""The drawing model: what is on the paper, before anything knows of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from fanin.emit.picture.paint import Legend
from fanin.record import field, record

Shape: TypeAlias = Literal["layers", "closed", "sign", "pill", "input", "output", "state", "port"]
Kind: TypeAlias = Literal["flow", "side", "skip", "shared", "tied"]


@record
class Line:
    """One row of a node: what it does in words, the kind of op (its colour), and its path; ``shade`` is paint on it."""

    text: str
    family: str = ""
    path: str = ""
    shade: str = ""


@record(frozen=False)
class Node:
    """Something small with text in it. ``footer`` is its cost, ``tags`` say what it shares, ``hint`` is its tooltip.

    A ``port`` is where an arrow crosses the frame of a box: a point, seen only where the arrow branches there.
    """

    id: str
    shape: Shape
    lines: tuple[Line, ...]
    footer: str = ""
    badge: str = ""
    hint: str = ""
    tags: list[str] = field(default_factory=list)


@record(frozen=False)
class Box:
    """A frame around a block, a composition or a repetition."""

    id: str
    title: str
    path: str
    items: list[Node | Box]
    footer: str = ""
    badge: str = ""
    hint: str = ""
    tags: list[str] = field(default_factory=list)


Item: TypeAlias = Node | Box


@record(frozen=False)
class Edge:
    """An arrow. ``label`` is the type of what flows, where it changes."""

    tail: str
    head: str
    label: str = ""
    kind: Kind = "flow"


@record(frozen=False)
class Drawing:
    """A whole picture. ``note`` says what was left out, if anything was."""

    title: str
    subtitle: str
    items: list[Item]
    edges: list[Edge]
    description: str = ""
    note: str = ""
    legend: Legend | None = None

    def nodes(self) -> Iterator[Node]:
        """Every node, in the order of the text."""
        waiting = list(reversed(self.items))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Node):
                yield item
            else:
                waiting.extend(reversed(item.items))

    def boxes(self) -> Iterator[Box]:
        """Every box, outer ones before inner ones."""
        waiting = list(reversed(self.items))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Box):
                yield item
                waiting.extend(reversed(item.items))
