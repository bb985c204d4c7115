"""The tables of an experiment, as text: measures, stability, overlap of masks, promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fanin.emit.table import aligned

if TYPE_CHECKING:
    from fanin.pruning.overlap import Overlap
    from fanin.pruning.report import Results

ALIKE = "masks: the share of what one keeps that the other keeps too, and (what it would be by chance)"


def table(results: Results) -> str:
    """All that is known of an experiment."""
    parts = [grid(results, m, partial(measured, results, m)) for m in results.measures]
    parts += [
        grid(results, f"instability of {m} between two data orders", partial(steady, results, m))
        for m in results.connected
    ]
    if results.overlaps:
        parts.append(_overlaps(results))
    parts += [
        f"{'holds' if holds else 'BROKEN'}: {e.text} ({left:.6g} {e.test.op} {right:.6g})\n"
        for e, holds, left, right in results.promises()
    ]
    if results.identity is not None:
        parts.append(f"{results.identity}\n")
    return "\n".join(parts)


def grid(results: Results, title: str, cell: Callable[[int, str], str]) -> str:
    """A line for each round, a column for each run."""
    seeds = len(results.experiment.seeds)
    head = title if seeds == 1 else f"{title}, mean ± standard deviation of {seeds} seeds"
    return _lines(results, head, results.columns, range(results.rounds + 1), cell)


def measured(results: Results, measure: str, place: int, run: str) -> str:
    """A measure of a run in a round, as text."""
    if not there(place, run):
        return ""
    found = results.values(measure, place, run)
    never = found.count(None)
    if never:
        return "never" if never == len(found) else f"{never} never"
    return spread([v for v in found if v is not None])


def steady(results: Results, measure: str, place: int, run: str) -> str:
    """The instability of a run in a round, as text."""
    found = results.instability(measure, place, run) if there(place, run) else []
    return spread(found) if found else ""


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    from fanin.pruning.report import mean, std

    around = std(values)
    if math.isnan(around):
        return f"{mean(values):.5g}"
    return f"{mean(values):.5g} ±{around if around > 1e-6 else 0:.2g}"  # below are sums in another order


def overlap_name(kind: str) -> str:
    """What two masks are of, in a heading."""
    return "two seeds" if kind == "seeds" else f"ticket, {kind}"


def overlap_cell(found: Overlap | None, part: str | None = None) -> str:
    """The share that both keep and what it would be by chance, as text."""
    if found is None:
        return ""
    return f"{found.mean('kept', part):.1%} ({found.mean('kept_by_chance', part):.1%})"


def _overlaps(results: Results) -> str:
    kinds = tuple(dict.fromkeys(o.kind for o in results.overlaps))
    found = {(o.round, overlap_name(o.kind)): o for o in results.overlaps}
    names = tuple(overlap_name(kind) for kind in kinds)
    return _lines(results, ALIKE, names, range(1, results.rounds + 1), lambda *at: overlap_cell(found.get(at)))


def _lines(results: Results, head: str, columns: Sequence[str], places: range, cell: Callable[[int, str], str]) -> str:
    lines = [("round", "density", *columns)]
    lines += [(str(i), f"{results.density(i):.2%}", *(cell(i, column) for column in columns)) for i in places]
    return "\n".join([head, *aligned(lines, right=range(len(lines[0])))]) + "\n"


def there(place: int, run: str) -> bool:
    """Whether a run has a training of its own in a round: the whole network has the first one."""
    return place > 0 or run in ("ticket", "dense")
