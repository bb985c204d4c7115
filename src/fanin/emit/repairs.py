"""What a repair changes, as text: the start of a network before and after it, at a few depths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fanin.emit.signals import aligned, number, short, sums
from fanin.signal.rows import Row

_DEPTHS = 8


def comparison(
    title: str, notes: Iterable[str], before: Sequence[Row], after: Sequence[Row], rates: Sequence[Sequence[str]] = ()
) -> str:
    """A row for the input, some layers and sums, and the output, each with std, gradient and spread twice."""
    pairs = _depths(_pairs(before, after))
    lines = [
        ["", "", "", "before", "", "", "after", ""],
        ["path", "op", "std", "grad std", "spread", "std", "grad std", "spread"],
    ]
    lines += [[short(a.path), a.op, *_cells(a), *_cells(b)] for a, b in pairs]
    out = [title, "", *notes, "", *aligned(lines, left=(0, 1)), ""]
    was, now = sums(before), sums(after)
    words = [line.split("  ", 1)[0] for line in now]
    out += [f"before  {line}" for line in was if line.split("  ", 1)[0] in words]
    out += [f"after   {line}" for line in now]
    if rates:
        out += ["", *aligned([list(row) for row in rates], left=range(8))]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _cells(row: Row) -> list[str]:
    return ["?", "?", "?"] if row.rms is None else [number(row.std), number(row.grad_std), number(row.spread)]


def _pairs(before: Sequence[Row], after: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The places that both networks have: inputs, layers with weights, sums, and the end."""
    found: dict[tuple[str, str, int], Row] = {}
    counts: dict[tuple[str, str], int] = {}
    for row in after:
        n = counts[row.path, row.op] = counts.get((row.path, row.op), 0) + 1
        found[row.path, row.op, n] = row
    pairs = []
    counts = {}
    for row in before:
        n = counts[row.path, row.op] = counts.get((row.path, row.op), 0) + 1
        other = found.get((row.path, row.op, n))
        if other is not None and (row.weights or row.op in ("input", "add") or row is before[-1]):
            pairs.append((row, other))
    return pairs


def _depths(pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """The first and the last, and some between them at equal distances."""
    if len(pairs) <= _DEPTHS:
        return pairs
    last = len(pairs) - 1
    return [pairs[round(i * last / (_DEPTHS - 1))] for i in range(_DEPTHS)]
