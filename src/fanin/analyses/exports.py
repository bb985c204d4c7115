"""What an export to `.pt2` or `.onnx` cannot keep of a program, and which sizes of it can stay open."""

from __future__ import annotations

from itertools import pairwise
from math import gcd

from fanin.analyses.conditions import open_dimensions
from fanin.analyses.reading import reached
from fanin.analyses.sizes import broken_requirement
from fanin.ir.conditions import AllOf
from fanin.ir.dims import Poly, Symbol, expand, symbols_of
from fanin.ir.graph import Choice, Grad, Graph, Iterate, Program, Scan, bodies, every_node
from fanin.record import record
from fanin.source import Span

MOST = 512  # sizes that are tried when it is asked which of them a letter may have


@record
class Loss:
    """Something that an export does not keep. ``fatal``: there is no export with it."""

    text: str
    span: Span
    help: str
    fatal: bool = False


@record
class Range:
    """The sizes of a letter: ``step · n + offset`` for n from ``least`` to ``most``, or without end."""

    step: int
    offset: int
    least: int
    most: int | None = None

    def at(self, n: int) -> int:
        found = self.least + n if self.most is None else min(self.least + n, self.most)
        return self.step * found + self.offset

    def above(self, size: int) -> Range:
        """Those of at least so much."""
        least = max(self.least, -(-(size - self.offset) // self.step))
        if self.most is not None:
            least = min(least, max(self.least, self.most // 2))
        return Range(self.step, self.offset, least, self.most)


def losses(program: Program) -> list[Loss]:
    """What an export cannot keep, in the order of the text."""
    found: list[Loss] = []
    for graph in reversed(reached(program.graph)):
        found += _in_graph(graph)
    scanned = scanned_letters(program)
    for symbol, span in scanned.items():
        found.append(
            Loss(
                f"a `scan` over the open length {symbol} becomes so many steps one after the other",
                span,
                f"give the length: `-p {symbol}=…`",
                fatal=True,
            )
        )
    ranges = {s: range_of(program, s) for s in open_dimensions(program) if s not in scanned}
    for symbol, sizes in ranges.items():
        if sizes is None:
            text = f"the sizes that {symbol} may have are no row of numbers that an export can state"
            found.append(Loss(text, _head(program.graph), f"give it: `-p {symbol}=…`", fatal=True))
        elif sizes.step > 1:
            text = f"{symbol} has to be {sizes.step} * n" + (f" + {sizes.offset}" if sizes.offset else "")
            found.append(Loss(f"{text}, which becomes a derived dimension", _head(program.graph), ""))
    if ranges:
        letters = ", ".join(map(str, ranges))
        text = f"no open dimension may shrink to 1: {letters} {'is' if len(ranges) == 1 else 'are'} 2 or more"
        found.append(Loss(text, _head(program.graph), ""))
    return found


def _head(graph: Graph) -> Span:
    """The first line of a declaration."""
    return Span(
        graph.span.source, graph.span.start, graph.span.start + len(graph.span.text.split("\n")[0].rstrip(" {"))
    )


def _in_graph(graph: Graph) -> list[Loss]:
    found: list[Loss] = []
    if graph.kind == "extern":
        text = f"whether `{graph.name}` can be exported, nobody here knows"
        found.append(Loss(text, _head(graph), "export it by itself first"))
    for node in every_node(bodies(graph)):
        if isinstance(node, Grad):
            text = "a `grad` inside a network runs and compiles, and cannot be exported"
            found.append(Loss(text, node.span, "export the part that it is not in", fatal=True))
        elif isinstance(node, Iterate):
            text = f"an `iterate` runs to its `max`, {node.limit} steps, whatever is done before"
            found.append(Loss(text, node.span, ""))
        elif isinstance(node, Choice):
            found.append(Loss("of `if training` the other way alone is exported", node.span, ""))
    return found


def scanned_letters(program: Program) -> dict[Symbol, Span]:
    """The letters of the inputs that some `scan` goes over, as far as its steps are told in them."""
    opens = set(open_dimensions(program))
    found: dict[Symbol, Span] = {}
    for graph in reached(program.graph):
        for node in every_node(bodies(graph)):
            if isinstance(node, Scan) and isinstance(node.steps, Poly):
                names = {s.name for s in symbols_of(expand(node.steps))}
                for symbol in opens:
                    if symbol.name in names:
                        found.setdefault(symbol, node.span)
    return found


def range_of(program: Program, symbol: Symbol) -> Range | None:
    """The sizes from 2 on that the conditions on this letter alone allow; None where they are no even row."""
    others = [s for s in open_dimensions(program) if s != symbol]
    known = program.facts.example(AllOf(tuple(r.condition for r in program.conditions)), True) or {}
    fixed = {s: known.get(s, 64) for s in others}
    valid = [n for n in range(2, MOST) if broken_requirement(program, {**fixed, symbol: n}) is None]
    if len(valid) < 2:
        return None
    step = 0
    for a, b in pairwise(valid):
        step = gcd(step, b - a)
    if valid != list(range(valid[0], valid[-1] + 1, step)):
        return None
    most = valid[-1] // step if valid[-1] + step < MOST else _bound(program, symbol, fixed, valid[-1], step)
    return Range(step, valid[0] % step, valid[0] // step, most)


def _bound(program: Program, symbol: Symbol, fixed: dict[Symbol, int], last: int, step: int) -> int | None:
    """How far it goes on, by doubling and halving; None where it has no end before a million."""
    low, high = last // step, 1_000_000 // step
    offset = last % step

    def allowed(n: int) -> bool:
        return broken_requirement(program, {**fixed, symbol: step * n + offset}) is None

    if allowed(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low
