"""Rolling up what repeats: equal turns of a ``for``, equal layers in a row, equal branches side by side."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, TypeAlias

from fanin.emit.picture.chains import follows
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Node,
    Operand,
    Read,
    Repeat,
    Scan,
    Value,
)
from fanin.record import record

LONGEST_PERIOD = 32  # of layers written out one by one
FEWEST_ROWS = 4  # of those, before they are folded: fewer are easily shown as written
FEWEST_CALLS = FEWEST_BRANCHES = 3

Span: TypeAlias = tuple[int, int]


@record
class Fold:
    """Equal turns, shown once. ``body`` is the first of them, folded in turn."""

    turns: tuple[tuple[Node, ...], ...]
    body: tuple[Node | Fold, ...]
    parallel: bool

    @property
    def count(self) -> int:
        return len(self.turns)


Entry: TypeAlias = Node | Fold


def fold(graph: Graph) -> tuple[Entry, ...]:
    """The nodes of a graph, with what repeats rolled up."""
    folder = _Folder(graph)
    return tuple(folder.entries(0, len(graph.nodes), 0))


class _Folder:
    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.maker: dict[int, tuple[int, int]] = {}
        self.readers: dict[int, set[int]] = {}
        for i, node in enumerate(self.nodes):
            for operand in node.inputs:
                if isinstance(operand, Value):
                    self.readers.setdefault(operand.index, set()).add(i)
            for place, value in enumerate(node.outputs):
                self.maker[value.index] = (i, place)
        for result in graph.results:
            if isinstance(result.value, Value):
                self.readers.setdefault(result.value.index, set()).add(len(self.nodes))
        known: dict[Hashable, int] = {}
        self.shapes = [known.setdefault(_shape(node), len(known)) for node in self.nodes]

    def entries(self, start: int, stop: int, level: int) -> Iterator[Entry]:
        """``start`` to ``stop``, all made in the same turns of the first ``level`` loops around them."""
        at = start
        while at < stop:
            loop = self._loop(at, level)
            end = at + 1
            while end < stop and self._loop(end, level) == loop:
                end += 1
            yield from self._straight(at, end) if loop is None else self._turns(at, end, level)
            at = end

    def _loop(self, at: int, level: int) -> int | None:
        loop = self.nodes[at].loop
        return loop[level][0] if len(loop) > level else None

    def _turns(self, start: int, stop: int, level: int) -> Iterator[Entry]:
        turns: list[Span] = []
        at = start
        while at < stop:
            end = at + 1
            while end < stop and self.nodes[end].loop[level] == self.nodes[at].loop[level]:
                end += 1
            turns.append((at, end))
            at = end
        i = 0
        while i < len(turns):
            count, parallel = self._group(turns, i, 2)
            if count > 1:
                body = tuple(self.entries(*turns[i], level + 1))
                yield Fold(tuple(self.nodes[a:b] for a, b in turns[i : i + count]), body, parallel)
            else:
                yield from self.entries(*turns[i], level + 1)
            i += count

    def _straight(self, start: int, stop: int) -> Iterator[Entry]:
        """Statements one after the other: a period that comes back often enough is folded."""
        at = start
        while at < stop:
            torn = at > start and self._continues(at)
            period, count, parallel = (1, 1, False) if torn else self._period(at, stop)
            if count > 1:
                turns = tuple(self.nodes[at + k * period : at + (k + 1) * period] for k in range(count))
                yield Fold(turns, turns[0], parallel)
            else:
                yield self.nodes[at]
            at += period * count

    def _continues(self, at: int) -> bool:
        """Whether a node is the norm or activation of the one before it: no period begins there."""
        node = self.nodes[at]
        if not isinstance(node, Apply) or not follows(node):
            return False
        return any(isinstance(o, Value) and self.maker.get(o.index, (-1, 0))[0] == at - 1 for o in node.inputs)

    def _period(self, at: int, stop: int) -> tuple[int, int, bool]:
        shapes = self.shapes
        for period in range(1, min(LONGEST_PERIOD, (stop - at) // 2) + 1):
            if shapes[at] != shapes[at + period] or shapes[at : at + period] != shapes[at + period : at + 2 * period]:
                continue
            repeats = 2
            while (
                at + (repeats + 1) * period <= stop
                and shapes[at + repeats * period : at + (repeats + 1) * period] == shapes[at : at + period]
            ):
                repeats += 1
            fewest = self._fewest(at, period)
            if repeats < min(fewest, FEWEST_BRANCHES):
                continue
            turns = [(at + k * period, at + (k + 1) * period) for k in range(repeats)]
            count, parallel = self._group(turns, 0, 2)
            if parallel and any(_named(node) for node in self.nodes[at : at + period]):
                continue
            if count >= (FEWEST_BRANCHES if parallel else fewest):
                return period, count, parallel
        return 1, 1, False

    def _fewest(self, at: int, period: int) -> int:
        """How many written repeats are folded: two places of a composition, more of what has names of its own."""
        first, second = self.nodes[at : at + period], self.nodes[at + period : at + 2 * period]
        if all(isinstance(node, Apply) for node in first):
            return FEWEST_ROWS
        pairs = [(_place(a), _place(b)) for a, b in zip(first, second, strict=True) if _module(a) is not None]
        return 2 if pairs and all(a is not None and b == a + len(pairs) for a, b in pairs) else FEWEST_CALLS

    # -- what may be folded

    def _group(self, turns: list[Span], first: int, fewest: int) -> tuple[int, bool]:
        """How many turns from ``first`` on are one, and whether they stand side by side rather than in a row."""
        for parallel in (True, False):
            count = self._count(turns, first, parallel)
            if count >= fewest:
                return count, parallel
        return 1, False

    def _count(self, turns: list[Span], first: int, parallel: bool) -> int:
        outside = self._outside(turns[first], None if parallel else _next(turns, first))
        if parallel and not outside:
            return 1
        shared: list[bool] = []
        count = 1
        while first + count < len(turns):
            k = first + count
            chained = turns[k - 1] if count > 1 else None
            if not self._alike(turns[first], turns[k], turns[k - 1], chained, parallel, shared):
                break
            if parallel and self._outside(turns[k], None) != outside:
                break
            if not parallel and self._outside(turns[k - 1], turns[k]) != outside:
                break
            count += 1
        if count > 1 and not parallel and outside:  # what each turn hands out, the last one hands out too
            last = self._outside(turns[first + count - 1], None)
            if any(not readers <= last.get(place, frozenset()) for place, readers in outside.items()):
                return 1
        return count

    def _outside(self, turn: Span, after: Span | None) -> dict[tuple[int, int], frozenset[int]]:
        """Who reads the values of a turn, besides itself and the turn after it."""
        found: dict[tuple[int, int], frozenset[int]] = {}
        for i in range(*turn):
            for place, value in enumerate(self.nodes[i].outputs):
                far = frozenset(
                    r
                    for r in self.readers.get(value.index, ())
                    if not turn[0] <= r < turn[1] and (after is None or not after[0] <= r < after[1])
                )
                if far:
                    found[i - turn[0], place] = far
        return found

    def _alike(
        self, first: Span, turn: Span, before: Span, chained: Span | None, parallel: bool, shared: list[bool]
    ) -> bool:
        """Whether ``turn`` does what ``before`` does, on what ``before`` hands on (or, in parallel, on the same)."""
        if self.shapes[turn[0] : turn[1]] != self.shapes[first[0] : first[1]]:
            return False
        same: list[bool] = []
        for offset in range(turn[1] - turn[0]):
            a, b = self.nodes[before[0] + offset], self.nodes[turn[0] + offset]
            same.append(_module(a) == _module(b))
            for left, right in zip(a.inputs, b.inputs, strict=True):
                if not self._linked(left, right, turn, before, chained, parallel):
                    return False
        if not shared:
            shared.extend(same)
        return shared == same

    def _linked(
        self,
        left: Operand | None,
        right: Operand | None,
        turn: Span,
        before: Span,
        chained: Span | None,
        parallel: bool,
    ) -> bool:
        if not isinstance(left, Value) or not isinstance(right, Value):
            return left == right
        made_left = self.maker.get(left.index, (-1, left.index))
        made_right = self.maker.get(right.index, (-1, right.index))
        inside_left, inside_right = _inside(made_left, before), _inside(made_right, turn)
        if inside_left or inside_right:
            return inside_left and inside_right and _relative(made_left, before) == _relative(made_right, turn)
        if left.index == right.index:
            return True
        if parallel:
            return made_left[0] >= 0 and made_left[0] == made_right[0]
        if not _inside(made_right, before):
            return False
        if chained is None:
            return True  # the first turn takes from anywhere what the later ones take from the one before
        width = before[1] - before[0]
        return (made_left[0] + width, made_left[1]) == made_right


def _next(turns: list[Span], k: int) -> Span | None:
    return turns[k + 1] if k + 1 < len(turns) else None


def _inside(made: tuple[int, int], turn: Span) -> bool:
    return turn[0] <= made[0] < turn[1]


def _relative(made: tuple[int, int], turn: Span) -> tuple[int, int]:
    return made[0] - turn[0], made[1]


def _module(node: Node) -> Any:
    return getattr(node, "module", None)


def _place(node: Node) -> int | None:
    """The place of a node's module in a composition or list, if it has one."""
    last = _module(node).path.rpartition(".")[2]
    return int(last) if last.isdigit() else None


def _named(node: Node) -> bool:
    module = _module(node)
    return module is not None and not module.path.rpartition(".")[2].isdigit()


def _shape(node: Node) -> Hashable:
    """What a node does, whatever its path and whatever it takes its inputs from."""
    types = tuple(operand if not isinstance(operand, Value) else operand.type for operand in node.inputs)
    common = (type(node).__name__, types, tuple(value.type for value in node.outputs))
    match node:
        case Apply():
            return (*common, node.op.name, node.attrs, node.module is None)
        case Call() | Scan() | Iterate() | Ensemble():
            return (*common, id(node.graph), getattr(node, "module", None) is None, getattr(node, "lent", ()))
        case Repeat():
            calls = [run.call for run in node.runs]
            done = tuple(id(c.graph) if isinstance(c, Call) else (c.op.name, c.attrs) for c in calls)
            return (*common, node.count, tuple(run.count for run in node.runs), done)
        case Choice():
            return (*common, id(node.training), id(node.evaluation))
        case Read():
            return (*common, node.state)
    return (*common, id(node))
