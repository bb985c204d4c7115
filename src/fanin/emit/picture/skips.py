"""Which arrows are the main line of a picture, which are skips past it, and which lead to the side."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.emit.picture.model import Edge


def mark_skips(edges: Sequence[Edge]) -> None:
    """Mark the arrows of an acyclic picture. A skip leads to where a longer way from the same node leads too."""
    flow = [edge for edge in edges if edge.kind == "flow"]
    into: dict[str, list[Edge]] = {}
    for edge in flow:
        into.setdefault(edge.head, []).append(edge)
    rank = _ranks(flow, into)
    for head, arriving in into.items():
        if len(arriving) < 2:
            continue
        lowest = min(rank[edge.tail] for edge in arriving)
        above = _above([edge.tail for edge in arriving], into, rank, lowest)
        for edge in arriving:
            if edge.tail in above and rank[head] - rank[edge.tail] > 1:
                edge.kind = "skip"
    _mark_sides(flow, rank)


def _mark_sides(flow: Sequence[Edge], rank: dict[str, int]) -> None:
    """The main line takes the longest way into and out of each node; other arrows need not be straight."""
    height: dict[str, int] = {}
    for edge in sorted(flow, key=lambda e: -rank[e.head]):
        height[edge.tail] = max(height.get(edge.tail, 0), height.get(edge.head, 0) + 1)
    into: dict[str, Edge] = {}
    out: dict[str, Edge] = {}
    for edge in flow:
        if edge.head not in into or rank[edge.tail] > rank[into[edge.head].tail]:
            into[edge.head] = edge
        if edge.tail not in out or height.get(edge.head, 0) > height.get(out[edge.tail].head, 0):
            out[edge.tail] = edge
    for edge in flow:
        if edge.kind == "flow" and (into[edge.head] is not edge or out[edge.tail] is not edge):
            edge.kind = "side"


def _ranks(edges: Sequence[Edge], into: dict[str, list[Edge]]) -> dict[str, int]:
    """The length of the longest way to each node."""
    out: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    for edge in edges:
        out.setdefault(edge.tail, []).append(edge.head)
        waiting.setdefault(edge.tail, 0)
        waiting[edge.head] = waiting.get(edge.head, 0) + 1
    rank = {node: 0 for node, count in waiting.items() if not count}
    ready = list(rank)
    while ready:
        node = ready.pop()
        for head in out.get(node, ()):
            rank[head] = max(rank.get(head, 0), rank[node] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    return rank


def _above(tails: Sequence[str], into: dict[str, list[Edge]], rank: dict[str, int], lowest: int) -> set[str]:
    """What leads to these nodes, no further up than needed; of the nodes, those that lead to another."""
    found: set[str] = set()
    waiting = list(tails)
    while waiting:
        for edge in into.get(waiting.pop(), ()):
            if edge.tail not in found and rank[edge.tail] >= lowest:
                found.add(edge.tail)
                waiting.append(edge.tail)
    return found
