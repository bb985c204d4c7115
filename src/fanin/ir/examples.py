"""Sizes that meet a condition or break it: realistic ones, small but not degenerate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from fanin.ir.bounds import Range
from fanin.ir.conditions import Compare, Condition, change, compares, holds, symbols_in
from fanin.ir.knowledge import Knowledge
from fanin.ir.poly import Dim, Floor, Poly, Symbol, ordered, symbols_of, terms_of
from fanin.ir.substitution import evaluate, expand

_USUAL = (
    8,
    12,
    16,
    7,
    6,
    10,
    5,
    9,
    4,
    3,
    2,
    24,
    32,
    48,
    64,
    11,
    13,
    20,
    28,
    40,
    56,
    1,
    96,
    100,
    128,
    224,
    256,
    512,
)
_LARGE = (1000, 1024, 4096, 10_007, 65_536)
_SMALL = (2, 3, 4, 1, 5, 6, 8, 7, 9, 10, 12, 16, 20, 32, 64, 100)
_TRIES = 4000
_DISTINCT = 200


def example(known: Knowledge, c: Condition, wanted: bool, tries: int = _TRIES) -> dict[Symbol, int] | None:
    """Sizes of roots at which ``c`` holds, or with ``wanted`` false does not, with all that is known met.

    The roots are those of the condition and those that what is known ties to them. None where the search,
    which is not exhaustive, finds nothing.
    """
    c = c if wanted else c.negated()
    roots = symbols_in(change(c, expand))
    inner = change(c, known.normal)
    symbols, tied = _involved(known, roots)
    rules = [g for g in _rules(known) if not symbols_in(g).isdisjoint(symbols)]
    for sizes in itertools.islice(_sizes(known, inner, rules, symbols), tries):
        try:
            if not (holds(inner, sizes) and all(holds(g, sizes) for g in rules)):
                continue
            found = {root: evaluate(known.normal(root.poly), sizes) for root in tied}
        except ZeroDivisionError:
            continue
        if all(n >= 1 for n in found.values()):
            return found
    return None


def _rules(known: Knowledge) -> list[Condition]:
    return [
        *(Compare("==", d, 0) for d in known.zero),
        *(Compare("!=", d, 0) for d in known.nonzero),
        *(Compare(">=", d, 0) for d in known.nonnegative),
        *known.choices,
    ]


def _involved(known: Knowledge, roots: frozenset[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
    """The free symbols that the roots depend on or are tied to, and all roots made of them, by name."""
    free = frozenset().union(*(symbols_of(known.normal(r.poly)) for r in roots))
    links = [symbols_of(v) for v in known.solved.values()] + [symbols_in(g) for g in _rules(known)]
    while True:
        more = free.union(*(link for link in links if not link.isdisjoint(free)))
        if more == free:
            break
        free = more
    solved = {r for r, v in known.solved.items() if r not in known.made and symbols_of(v) and symbols_of(v) <= free}
    tied = (free - known.made) | solved | roots
    return ordered(free), ordered(frozenset(tied))


def _sizes(
    known: Knowledge, c: Condition, rules: Sequence[Condition], symbols: Sequence[Symbol]
) -> Iterator[dict[Symbol, int]]:
    numbers = sorted({n for x in (c, *rules) for n in _numbers(x)})
    lists = [_candidates(known, s, i, numbers) for i, s in enumerate(symbols)]
    for sizes in itertools.islice(_solved(c, symbols, lists), 200):
        if all(_within(n, known.ranges.get(s, (1, None))) for s, n in sizes.items()):
            yield sizes
    lengths = [len(x) for x in lists]
    if len(symbols) > 1:
        # Different sizes first: what holds only because two are equal is a poor example.
        for choice in itertools.islice(_diagonal(lengths), _DISTINCT):
            sizes = {s: x[i] for s, x, i in zip(symbols, lists, choice, strict=True)}
            if len(set(sizes.values())) == len(sizes):
                yield sizes
    for choice in _diagonal(lengths):
        yield {s: x[i] for s, x, i in zip(symbols, lists, choice, strict=True)}


def _within(n: int, limits: Range) -> bool:
    lo, hi = limits
    return (lo is None or n >= lo) and (hi is None or n <= hi)


def _solved(c: Condition, symbols: Sequence[Symbol], lists: Sequence[Sequence[int]]) -> Iterator[dict[Symbol, int]]:
    """For an equality in which a symbol stands alone: its size by the sizes of the others."""
    if not (isinstance(c, Compare) and c.op == "=="):
        return
    d = c.left - c.right
    alone = [m[0] for m in terms_of(d) if len(m) == 1 and type(m[0]) is Symbol]
    for x in sorted(alone, key=lambda s: s.key):
        factor = terms_of(d)[(x,)]
        rest = x * factor - d
        if x in symbols_of(rest):
            continue
        others = [i for i, s in enumerate(symbols) if s is not x]
        for choice in itertools.islice(_diagonal([len(lists[i]) for i in others]), 60):
            sizes = {symbols[i]: lists[i][at] for i, at in zip(others, choice, strict=True)}
            try:
                value = evaluate(rest, sizes)
            except ZeroDivisionError:
                continue
            if value % factor == 0 and value // factor >= 1:
                yield {**sizes, x: value // factor}


def _candidates(known: Knowledge, symbol: Symbol, place: int, numbers: Sequence[int]) -> list[int]:
    """Sizes for one symbol, the likeliest first; different symbols begin with different ones."""
    lo, hi = known.ranges.get(symbol, (1, None))
    lo = lo or 1
    if symbol in known.made:
        first = _made(known, symbol) or list(_SMALL)
    else:
        shift = place % 5
        first = [_USUAL[shift], *_USUAL[:shift], *_USUAL[shift + 1 :]]
    special = [m for n in numbers for m in (n, n + 1, n - 1, 2 * n, n + 2, 3 * n, n // 2)]
    around = [lo, lo + 1, lo + 2, lo + 7, 2 * lo, *([] if hi is None else [hi, hi - 1, (lo + hi) // 2])]
    multiples = [-(-lo // n) * n + n * k for n in numbers for k in (0, 1) if n > 1]
    found = dict.fromkeys([*first, *special, *around, *multiples, *_LARGE])
    return [n for n in found if _within(n, (lo, hi))]


def _made(known: Knowledge, symbol: Symbol) -> list[int]:
    """Sizes of a symbol of ours that give the root it is in a usual size."""
    for value in known.solved.values():
        if symbols_of(value) == {symbol}:
            at = {evaluate(value, {symbol: n}): n for n in range(1, 65)}
            usual = [at[n] for n in _USUAL if n in at]
            return [*usual, *(n for size, n in sorted(at.items()) if n not in usual)]
    return []


def _numbers(c: Condition) -> set[int]:
    """The numbers in a condition that sizes may turn on."""
    found: set[int] = set()
    for x in compares(c):
        for d in (x.left, x.right):
            polys: list[Dim] = [d]
            if isinstance(d, Poly):
                polys += [p for a in d.atoms() if type(a) is Floor for p in (a.num, a.den)]
            for p in polys:
                found.update(abs(n) for m, n in terms_of(p).items() if not m or abs(n) > 1)
    return {n for n in found if 1 < n < 1 << 20}


def _diagonal(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Places in several lists, those near all beginnings first."""
    for total in range(sum(lengths) - len(lengths) + 1):
        yield from _summing(total, lengths)


def _summing(total: int, lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    if not lengths:
        if total == 0:
            yield ()
        return
    if len(lengths) == 1:
        if total < lengths[0]:
            yield (total,)
        return
    for first in range(min(total, lengths[0] - 1) + 1):
        for rest in _summing(total - first, lengths[1:]):
            yield (first, *rest)
