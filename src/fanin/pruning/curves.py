"""The curves of an experiment's page: measures and stability against the share of weights left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fanin.emit.chart import Axis, Line, Point, chart
from fanin.pruning.markup import note, table, tag, text
from fanin.pruning.report import Results, mean, std
from fanin.pruning.tables import measured, spread, steady, there


def of_measure(results: Results, measure: str, name: str) -> Iterable[str]:
    """A measure at the end of each round, a line for each run with a band over seeds, and its table."""
    lines = [_by_density(results, run, partial(results.values, measure)) for run in results.columns]
    drawn = _chart(results, name, measure, lines)
    if not drawn:
        yield note("No run got there with every seed.")
    else:
        words = f"{measure} at the end of each round; the horizontal axis is logarithmic."
        if measure.startswith("steps_to"):
            words = "Steps of training until held out data first got there; less is faster."
            if any(len(line.points) < results.rounds for line in lines):
                words += " Where a seed never did, there is no point."
        yield tag("figure", drawn, text("figcaption", words))
    yield _table(results, measure, partial(measured, results, measure))


def of_stability(results: Results) -> Iterable[str]:
    """How two trainings that differ in their random numbers are connected."""
    if results.connected:
        yield note(
            "Each network was trained a second time from where its round began, with another order of the data and "
            "other random numbers. On the straight line between the two the measure is taken at 11 places; the "
            "instability is how much worse it is at the worst of them than at the ends on average (Frankle et al. "
            "2020). Statistics of batch norms are computed anew on the training data at each place."
        )
    for number, measure in enumerate(results.connected):
        title = f"instability of {measure}"
        lines = [_by_density(results, run, partial(results.instability, measure)) for run in results.columns]
        yield tag("figure", _chart(results, f"s{number}", title, lines))
        between = [_between(results, measure, run) for run in results.runs]
        across = Axis("way from one training to the other", percent, (0.0, 0.25, 0.5, 0.75, 1.0))
        words = f"{measure} on the line between two trainings of the last round"
        drawn = chart(f"l{number}", words, all_said(between), between, across, Axis(measure, short))
        yield tag("figure", drawn, text("figcaption", f"{words}."))
        yield _table(results, title, partial(steady, results, measure))


def _by_density(results: Results, run: str, values: Callable[[int, str], Sequence[float | None]]) -> Line:
    """A line over the rounds; a place where not all seeds have a number is left out."""
    points = []
    flat = run == "dense"
    for place in range(results.rounds + 1):
        found = values(place, run) if there(place, run) else []
        known = [v for v in found if v is not None]
        if known and len(known) == len(found):
            density = results.density(place)
            told = f"{run}, round {place}, {density:.2%} left: {spread(known)}"
            points.append(Point(density, mean(known), 0.0 if flat else _around(known), told))
    return Line(run, run, tuple(points), flat)


def _between(results: Results, measure: str, run: str) -> Line:
    """A measure on the way from one training of the last round to the other."""
    ways = [r.line[measure] for r in results.of(None, run) if measure in r.line]
    points = []
    for i, values in enumerate(zip(*ways, strict=True)):
        way = i / (len(ways[0]) - 1)
        points.append(Point(way, mean(values), _around(values), f"{run}, {way:.0%} of the way: {spread(values)}"))
    return Line(run, run, tuple(points))


def _around(values: Sequence[float]) -> float:
    found = std(values)
    return 0.0 if math.isnan(found) else found


def _chart(results: Results, name: str, title: str, lines: Sequence[Line]) -> str:
    words = f"{title} against the share of weights left"
    return chart(name, words, all_said(lines), lines, densities(results), Axis(title, short))


def _table(results: Results, title: str, cell: Callable[[int, str], str]) -> str:
    seeds = len(results.experiment.seeds)
    rows = [
        (str(place), f"{results.density(place):.2%}", *(cell(place, run) for run in results.columns))
        for place in range(results.rounds + 1)
    ]
    words = "" if seeds == 1 else f", mean ± standard deviation of {seeds} seeds"
    return table(f"{title}{words}", ("round", "left", *results.columns), rows)


def densities(results: Results) -> Axis:
    """The shares that are left after the rounds, from all to least."""
    found = tuple(dict.fromkeys(results.density(place) for place in range(results.rounds + 1)))
    return Axis("weights left", percent, found, log=min(found) > 0, turned=True)


def _said(line: Line) -> str:
    """A line in words, for those who cannot see it."""
    first, last = line.points[0], line.points[-1]
    return f"{line.name} from {first.y:.4g} at {percent(first.x)} to {last.y:.4g} at {percent(last.x)}"


def all_said(lines: Iterable[Line]) -> str:
    """The lines of a chart in words."""
    return "; ".join(_said(line) for line in lines if line.points)


def percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def short(value: float) -> str:
    return f"{value:,.4g}"
