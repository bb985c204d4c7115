"""A long picture as columns side by side: where it may be cut, and how many columns fill a page."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.emit.picture.model import Drawing, Item, Node

TALL = 1_600  # points: what is not higher stays one column
LEAST = 500  # points of a column
GAP, ROW, FOOT = 34, 18, 14  # points of an arrow with a label, of a row and of a small line
COLUMN = 260  # the usual width
PAGE = 1.2  # height over width of a page


def columns(drawing: Drawing) -> list[list[Item]]:
    """The items in columns, each to be read from top to bottom."""
    heights = [_height(item) for item in drawing.items]
    total = sum(heights)
    if total <= TALL or len(heights) < 4:
        return [drawing.items]
    cuts = _cuts(drawing)
    best: list[list[Item]] = [drawing.items]
    badness = _badness([heights])
    for count in range(2, 13):
        if total / count < LEAST:
            break
        parts = _split(heights, cuts, count)
        found = _badness([heights[a:b] for a, b in parts])
        if len(parts) == count and found < 0.9 * badness:
            best, badness = [drawing.items[a:b] for a, b in parts], found
    return best


def _badness(parts: list[list[float]]) -> float:
    """How far the columns are from the shape of a page, and from being equally long."""
    tallest = max(map(sum, parts))
    shape = tallest / (len(parts) * COLUMN)
    empty = tallest * len(parts) / sum(map(sum, parts))
    return max(shape / PAGE, PAGE / shape) * empty


def _split(heights: list[float], cuts: Sequence[int], count: int) -> list[tuple[int, int]]:
    """As equal columns as the cuts allow, filled one after the other."""
    parts: list[tuple[int, int]] = []
    start, left = 0, sum(heights)
    for column in range(count, 1, -1):
        goal = left / column
        fitting = [cut for cut in cuts if cut > start]
        if not fitting:
            break
        cut = min(fitting, key=lambda c: abs(sum(heights[start:c]) - goal))
        parts.append((start, cut))
        left -= sum(heights[start:cut])
        start = cut
    parts.append((start, len(heights)))
    return parts


def _cuts(drawing: Drawing) -> list[int]:
    """Before which items a column may begin: one value at most crosses there, and no line between weights."""
    place: dict[str, int] = {}
    for i, item in enumerate(drawing.items):
        for id in ids(item):
            place[id] = i
    last: dict[str, int] = {}
    for edge in drawing.edges:
        if edge.kind in ("flow", "side", "skip"):
            last[edge.tail] = max(last.get(edge.tail, 0), place[edge.head])
    crossing = [0] * (len(drawing.items) + 1)
    for tail, end in last.items():
        for cut in range(place[tail] + 1, end + 1):
            crossing[cut] += 1
    inputs = sum(1 for item in drawing.items if isinstance(item, Node) and item.shape == "input")
    return [cut for cut in range(inputs + 1, len(drawing.items) - 1) if crossing[cut] == 1]


def ids(item: Item) -> list[str]:
    found: list[str] = []
    waiting: list[Item] = [item]
    while waiting:
        one = waiting.pop()
        found.append(one.id)
        if not isinstance(one, Node):
            waiting.extend(one.items)
    return found


def _height(item: Item) -> float:
    """About how high an item is, with the arrow into it."""
    height = 0.0
    waiting: list[Item] = [item]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, Node):
            height += 2 * ROW + GAP
            waiting.extend(one.items)
        elif one.shape in ("sign", "pill"):
            height += ROW + GAP / 2
        elif one.shape != "port":
            height += GAP + len(one.lines) * ROW + FOOT * (len(one.tags) + bool(one.footer))
    return height
