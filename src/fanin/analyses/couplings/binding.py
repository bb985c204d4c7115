"""One use of an op: its letters bound to the spaces of its inputs, parameters and results."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, TypeAlias

from fanin.analyses.couplings.spaces import Space, fix, product_of, sum_of, tie
from fanin.ir.unknown import Unknown
from fanin.ops.contract import Op
from fanin.ops.ties import Expr, Layout, Letter, Ties, Times, names
from fanin.record import field, record

Number: TypeAlias = "float | tuple[Number, ...] | None"
"""What masked entries of an axis are: one number, None where they vary, or one of these for each part of the axis."""

Axis: TypeAlias = "tuple[Space | None, Number]"
"""An axis of a value. One of open size is None: nothing of it is ever cut."""


@record
class Use:
    """How entries end: ``kind`` is one of ``ops.ties``, ``number`` what they are there when they are masked."""

    space: Space
    kind: str
    number: Number
    op: str
    where: str
    node: Any = field(compare=False, repr=False)


@record
class Applied:
    """An op at one place of the network, with the spaces of its letters."""

    scope: str
    path: str | None  # of the module
    node: Any = field(compare=False, repr=False)
    ties: Ties
    letters: dict[str, Space | None]


ABSENT: Any = object()


class Plan:
    """What is the same for every use of an op at the same types: worked out once for a node."""

    __slots__ = ("lost", "op", "own", "ties", "why")

    def __init__(self, op: Op[Any], attrs: Any, types: Sequence[Any]) -> None:
        found = op.couplings(attrs, *types)
        self.op = op
        self.why = found.why if isinstance(found, Unknown) else ""
        self.ties = Ties((), ()) if isinstance(found, Unknown) else found
        self.own = {n for _, layout in self.ties.params for expr in layout for n in names(expr)}
        out = {n for layout in self.ties.outputs for expr in layout for n in names(expr)}
        named = {n for n, _ in (*self.ties.ends, *self.ties.fixed)}
        inner = dict.fromkeys(n for layout in self.ties.inputs for expr in layout for n in names(expr))
        self.lost = [n for n in inner if n not in out and n not in named]


class Binding:
    """The letters of one use, while they are bound."""

    __slots__ = ("count", "letters", "numbers")

    def __init__(self, count: int) -> None:
        self.count = count
        self.letters: dict[str, Space | None] = {}
        self.numbers: dict[str, list[Number]] = {}

    def take(self, expr: Expr, space: Space | None, number: Number, place: int = -1) -> None:
        """An axis of the ``place``-th input, or (-1) of a parameter, is what the expression says."""
        if isinstance(expr, Letter):
            if place >= 0:
                held = self.numbers.get(expr.name)
                if held is None:
                    held = self.numbers[expr.name] = [ABSENT] * self.count
                held[place] = number
            if expr.name not in self.letters:
                self.letters[expr.name] = space
                return
            known = self.letters[expr.name]
            if known is None or space is None:
                for one in (known, space):
                    if one is not None:
                        fix(one, "it goes with an axis of open size")
            elif known is not space:
                tie(known, space)
            return
        numbers = number if isinstance(number, tuple) and len(number) == len(expr.parts) else None
        own = [self.space_of(part) for part in expr.parts]
        if space is None or None in own:
            for one in (space, *own):
                if one is not None:
                    fix(one, "it is part of an axis of open size")
        else:
            whole = [s for s in own if s is not None]
            tie(space, product_of(whole) if isinstance(expr, Times) else sum_of(whole))
        for n, part in enumerate(expr.parts):
            scalar = None if isinstance(number, tuple) else number
            self._note(part, place, numbers[n] if numbers is not None else scalar)

    def _note(self, expr: Expr, place: int, number: Number) -> None:
        if place < 0:
            return
        for name in names(expr):
            self.numbers.setdefault(name, [ABSENT] * self.count)[place] = number

    def space_of(self, expr: Expr) -> Space | None:
        """The space of an expression; letters not met before are new."""
        if isinstance(expr, Letter):
            if expr.name not in self.letters:
                self.letters[expr.name] = Space(expr.size) if isinstance(expr.size, int) else None
            return self.letters[expr.name]
        parts = [self.space_of(part) for part in expr.parts]
        whole = [s for s in parts if s is not None]
        if len(whole) < len(parts):
            for s in whole:
                fix(s, "it is part of an axis of open size")
            return None
        return product_of(whole) if isinstance(expr, Times) else sum_of(whole)

    def axes(self, layout: Layout, plan: Plan, attrs: Any, scalars: Sequence[float | None]) -> list[Axis]:
        """The axes of a result."""
        return [(self.space_of(expr), self.number(expr, plan, attrs, scalars)) for expr in layout]

    def number(self, expr: Expr, plan: Plan, attrs: Any, scalars: Sequence[float | None]) -> Number:
        if isinstance(expr, Letter):
            if self.letters.get(expr.name) is None:
                return None
            held = self.numbers.get(expr.name)
            values: tuple[Number, ...]
            if held is None:
                values = tuple(scalars)
            elif type(plan.op).masked is Op.masked:  # it moves numbers, and what has no such axis is not moved along it
                values = tuple(h for h in held if h is not ABSENT)
            else:
                pairs = zip(held, scalars, strict=True)
                values = tuple((s if s is not None else None) if h is ABSENT else h for h, s in pairs)
            if any(v == inf for v in values):
                return inf  # what is no number stays none, whatever it is multiplied by
            if any(isinstance(v, tuple) for v in values):
                return self._parts(values, expr.name in plan.own, plan, attrs)
            return plan.op.masked(attrs, values, expr.name in plan.own)  # type: ignore[arg-type]
        found = tuple(self.number(part, plan, attrs, scalars) for part in expr.parts)
        return found[0] if all(n == found[0] for n in found) else found

    def _parts(self, values: tuple[Number, ...], own: bool, plan: Plan, attrs: Any) -> Number:
        """Numbers of the parts of an axis, part by part; None where the inputs have other parts."""
        counts = {len(v) for v in values if isinstance(v, tuple)}
        flat = all(not isinstance(n, tuple) for v in values if isinstance(v, tuple) for n in v)
        if len(counts) != 1 or not flat:
            return 0.0 if own and plan.op.masked(attrs, (None,) * len(values), True) == 0 else None
        (count,) = counts
        rows = [v if isinstance(v, tuple) else (v,) * count for v in values]
        columns = [tuple(row[i] for row in rows) for i in range(count)]
        found = tuple(inf if inf in c else plan.op.masked(attrs, c, own) for c in columns)  # type: ignore[arg-type]
        return found[0] if all(n == found[0] for n in found) else found
