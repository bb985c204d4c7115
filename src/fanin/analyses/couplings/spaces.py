"""The entries of an axis as a tree: runs of entries, products of them, and sums, joined as ops tie them.

A space starts as one run. Where two are tied they become one (union and find); where one of them turns out to be made
of parts (a concatenation, heads times width) so does the other. What is left as runs are the groups that can be cut
entry by entry. Every rule keeps what the ops asked for, and where two cannot be brought together both are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

RUN, PRODUCT, SUM = 0, 1, 2


class Space:
    """The entries of an axis. ``why`` is the reason that nothing of it can be cut."""

    __slots__ = ("kind", "link", "mark", "name", "parts", "size", "why")

    def __init__(self, size: int, kind: int = RUN, parts: tuple[Space, ...] = (), name: str = "") -> None:
        self.size = size
        self.kind = kind
        self.parts = parts
        self.name = name
        self.link: Space | None = None
        self.why = "" if size > 1 else "it is one entry"
        self.mark = -1  # a number, once the groups are counted


def find(space: Space) -> Space:
    """What the space has become."""
    while space.link is not None:
        if space.link.link is not None:
            space.link = space.link.link
        space = space.link
    return space


def product_of(parts: list[Space]) -> Space:
    """An axis made of several. Factors of one entry are left out."""
    flat = [f for part in parts for f in factors(part)]
    if len(flat) == 1:
        return flat[0]
    size = 1
    for f in flat:
        size *= f.size
    return Space(size, PRODUCT, tuple(flat)) if flat else Space(1)


def sum_of(parts: list[Space]) -> Space:
    """Parts one behind the other. Empty ones are left out."""
    flat = [s for part in parts for s in segments(part)]
    if len(flat) == 1:
        return flat[0]
    return Space(sum(s.size for s in flat), SUM, tuple(flat)) if flat else Space(0)


def factors(space: Space) -> list[Space]:
    space = find(space)
    if space.kind == PRODUCT:
        return [f for part in space.parts for f in factors(part)]
    return [space] if space.size != 1 else []


def segments(space: Space) -> list[Space]:
    space = find(space)
    if space.kind == SUM:
        return [s for part in space.parts for s in segments(part)]
    return [space] if space.size else []


def runs(space: Space) -> list[Space]:
    """The runs an axis is made of, each as often as it stands there."""
    space = find(space)
    return [space] if space.kind == RUN else [r for part in space.parts for r in runs(part)]


def fix(space: Space, why: str) -> None:
    """Nothing of it can be cut. The first reason is kept."""
    space = find(space)
    if space.kind == RUN:
        space.why = space.why or why
    else:
        for part in space.parts:
            fix(part, why)


def tie(a: Space, b: Space) -> None:
    """Entry i of one goes with entry i of the other."""
    a, b = find(a), find(b)
    if a is b:
        return
    if a.size != b.size:
        raise ValueError(f"{a.size} entries cannot go with {b.size}")
    if b.kind == RUN:
        _link(b, a)
    elif a.kind == RUN:
        _link(a, b)
    elif a.kind == SUM and b.kind == SUM:
        _tie_sums(a, b)
    elif a.kind == PRODUCT and b.kind == PRODUCT:
        _tie_products(a, b)
    else:
        _tie_mixed(*((a, b) if a.kind == SUM else (b, a)))


def _link(run: Space, other: Space) -> None:
    if other.kind != RUN and any(part is run for part in runs(other)):
        fix(other, "its entries go with others of the same axis")
        return
    run.link = other
    if run.why:
        fix(other, run.why)
    elif other.kind == RUN and not other.name:
        other.name = run.name


def _tie_sums(a: Space, b: Space) -> None:
    left, right = segments(a)[::-1], segments(b)[::-1]
    while left and right:
        x, y = find(left.pop()), find(right.pop())
        if x.kind == SUM:
            left += segments(x)[::-1]
            right.append(y)
        elif y.kind == SUM:
            right += segments(y)[::-1]
            left.append(x)
        elif x.size == y.size:
            tie(x, y)
        else:
            long, short, rest = (x, y, left) if x.size > y.size else (y, x, right)
            parts = _split(long, short.size)
            if parts is None:
                for space in (a, b):
                    fix(space, "parts of it are cut across")
                return
            tie(parts[0], short)
            rest.append(parts[1])


def _split(space: Space, at: int) -> tuple[Space, Space] | None:
    """The first entries and the others; None where a product is cut across."""
    if space.kind == RUN:
        first, rest = Space(at, name=space.name), Space(space.size - at, name=space.name)
        if space.why:
            first.why = rest.why = space.why
        _become(space, SUM, (first, rest))
        return first, rest
    outer, inner = space.parts[0], product_of(list(space.parts[1:]))
    if at % inner.size:
        return None
    parts = _split(find(outer), at // inner.size) if find(outer).kind != SUM else _split_sum(outer, at // inner.size)
    if parts is None:
        return None
    for part in parts:
        if part.size == 1:
            fix(part, "it is one entry")
    return product_of([parts[0], inner]), product_of([parts[1], inner])


def _split_sum(space: Space, at: int) -> tuple[Space, Space] | None:
    before: list[Space] = []
    rest = segments(space)
    while rest and at >= rest[0].size:
        at -= rest[0].size
        before.append(rest.pop(0))
    if at:
        parts = _split(find(rest[0]), at)
        if parts is None:
            return None
        before.append(parts[0])
        rest[0] = parts[1]
    return sum_of(before), sum_of(rest)


def _become(run: Space, kind: int, parts: tuple[Space, ...]) -> None:
    run.kind, run.parts, run.why = kind, parts, ""


def _tie_products(a: Space, b: Space) -> None:
    """Factors are compared from the last on; the smaller is taken out of the larger."""
    left, right = factors(a), factors(b)
    while left and right:
        x, y = find(left.pop()), find(right.pop())
        if x.kind == PRODUCT or y.kind == PRODUCT:
            left += factors(x)
            right += factors(y)
        elif x.size == y.size:
            tie(x, y)
        else:
            large, small, rest = (x, y, left) if x.size > y.size else (y, x, right)
            outer = _take_out(large, small) if large.size % small.size == 0 else None
            if outer is None:
                for space in (a, b):
                    fix(space, "it is divided in two ways that do not fit into each other")
                return
            rest.append(outer)


def _take_out(space: Space, inner: Space) -> Space | None:
    """Make an axis a product whose last factor is ``inner``; gives the others."""
    if space.kind == RUN:
        outer = Space(space.size // inner.size, name=space.name)
        if space.why:
            fix(inner, space.why)
            outer.why = outer.why or space.why
        if inner is space:
            return None
        _become(space, PRODUCT, (outer, inner))
        return outer
    if space.kind != SUM or any(s.size % inner.size for s in segments(space)):
        return None
    outers: list[Space] = []
    for s in segments(space):
        outer = Space(s.size // inner.size, name=s.name)
        tie(s, product_of([outer, inner]))
        outers.append(outer)
        if outer.size == 1:
            fix(outer, "it is one entry")
    return sum_of(outers)


def _tie_mixed(total: Space, whole: Space) -> None:
    """A sum of parts with a product: the first factor falls into the parts, the others are the same in each."""
    outer, inner = find(whole.parts[0]), product_of(list(whole.parts[1:]))
    parts = segments(total)
    if any(part.size % inner.size for part in parts):
        for space in (total, whole):
            fix(space, "parts of it are cut across")
        return
    pieces: list[Space] = []
    for part in parts:
        piece = Space(part.size // inner.size)
        pieces.append(piece)
        tie(part, product_of([piece, inner]))
    tie(outer, sum_of(pieces) if len(pieces) > 1 else pieces[0])


def kept(space: Space, of: Callable[[Space], list[int] | None]) -> list[int] | None:
    """Which entries of an axis stay where ``of`` says it of runs, in order; None for all of them."""
    space = find(space)
    if space.kind == RUN:
        return of(space)
    chosen = [(part.size, kept(part, of)) for part in map(find, space.parts)]
    if all(c is None for _, c in chosen):
        return None
    lists = [range(n) if c is None else c for n, c in chosen]
    if space.kind == SUM:
        return list(_behind_each_other([n for n, _ in chosen], lists))
    found: list[int] = [0]
    for (n, _), c in zip(chosen, lists, strict=True):
        found = [i * n + j for i, j in product(found, c)]
    return found


def _behind_each_other(sizes: list[int], lists: list[list[int] | range]) -> Iterator[int]:
    start = 0
    for n, c in zip(sizes, lists, strict=True):
        yield from (start + i for i in c)
        start += n


def left(space: Space, of: Callable[[Space], int]) -> int:
    """How many entries stay where ``of`` says it of runs."""
    space = find(space)
    if space.kind == RUN:
        return of(space)
    total = 0 if space.kind == SUM else 1
    for part in space.parts:
        n = left(part, of)
        total = total + n if space.kind == SUM else total * n
    return total


def places(space: Space, run: Space) -> list[int]:
    """For each entry of an axis, the entry of ``run`` that it is, the first where it is of several; -1 for none."""
    space = find(space)
    if space is run:
        return list(range(space.size))
    if space.kind == RUN:
        return [-1] * space.size
    found = [places(part, run) for part in space.parts]
    if space.kind == SUM:
        return [i for part in found for i in part]
    total = [-1]
    for part in found:
        total = [i if i >= 0 else j for i in total for j in part]
    return total
