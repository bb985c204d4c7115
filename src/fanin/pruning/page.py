"""One page for an experiment: what came out, what it was compared to, where the weights went, how it was run.

It needs nothing from outside and no script, and is read in light and dark, by eye and by ear.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fanin.emit.chart import Axis, Line, Point, chart
from fanin.emit.picture.by_sparsity import SparsityPaint, colour_of
from fanin.ir.recipe import System
from fanin.pruning.kept import kept_by
from fanin.pruning.markup import Cell, note, section, table, tag, text
from fanin.pruning.report import Results, mean, std
from fanin.pruning.tables import ALIKE, measured, overlap_cell, overlap_name, spread, steady

if TYPE_CHECKING:
    from fanin.analyses.plan import Plan
    from fanin.pruning.running import Pruned

_ROUNDS = 8  # columns of rounds in a table, at most


def page(found: Pruned) -> str:
    """The page as HTML."""
    results, plan = found.results, found.plan
    title = f"{plan.experiment.name}: pruning of {plan.experiment.of.name}"
    parts = [
        _head(title, results, plan),
        section("Promises", _promises(results)),
        *(section(m, _curve(results, m, f"m{i}"), _numbers(results, m)) for i, m in enumerate(results.measures)),
        section("Stability", *_stability(results)),
        section("Weights left, layer by layer", _layers(results, plan), _drawing(found)),
        section("Are the masks alike?", *_overlaps(results, plan)),
        section("How it was run", *_origin(found)),
    ]
    style = files("fanin.pruning").joinpath("page.css").read_text(encoding="utf-8")
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        text("title", title),
        f"<style>\n{style}</style>",
    ]
    body = tag("main", "\n", "\n".join(part for part in parts if part), "\n")
    return f'<!doctype html>\n<html lang="en">\n<head>\n{chr(10).join(head)}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _head(title: str, results: Results, plan: Plan) -> str:
    e = plan.experiment
    seeds = len(e.seeds)
    held = [holds for _, holds, _, _ in results.promises()]
    facts = [
        (f"{results.density(plan.rounds):.3g}" if plan.rounds == 0 else f"{results.density(plan.rounds):.2%}", "left"),
        (str(plan.rounds), "round" if plan.rounds == 1 else "rounds"),
        (str(seeds), "seed" if seeds == 1 else "seeds"),
        (str(len(results.rows)), "trainings"),
    ]
    if held:
        facts.append((f"{sum(held)} of {len(held)}", "promises hold"))
    return "\n".join(
        [
            text("h1", title),
            text("p", f"{_rule(plan)}.", class_="lead"),
            tag("ul", *(tag("li", text("b", value), text("span", name)) for value, name in facts), class_="facts"),
        ]
    )


def _rule(plan: Plan) -> str:
    """What the experiment does, in a sentence."""
    e = plan.experiment
    removal = e.removal
    much = {
        "each": f"{removal.rate:.4g} of what is left goes in each round",
        "once": f"{removal.rate:.4g} of all goes at once",
        "to": f"{removal.rate:.4g} of all is left in the end",
    }[removal.kind]
    kind, place = e.rewind
    back = {
        "none": "what is left is trained on",
        "rate": "what is left is trained again from where it is, at the first learning rate",
        "start": "what is left goes back to its first weights",
    }.get(kind, f"what is left goes back to {kind} {place}")
    arguments = ", ".join(f"{value}" for _, value in e.unit.args)
    unit = f"{e.unit.name}({arguments})" if arguments else e.unit.name
    seeds = "" if len(e.seeds) == 1 else f"; bands and ± are standard deviations over {len(e.seeds)} seeds"
    return f"By {e.criterion.name}, unit {unit}, scope {e.scope}: {much}, and {back}{seeds}"


def _promises(results: Results) -> str:
    items = []
    for e, holds, left, right in results.promises():
        word = "holds" if holds else "broken"
        numbers = text("span", f" ({left:.6g} {e.test.op} {right:.6g})")
        items.append(tag("li", text("b", word), text("code", e.text), numbers, class_=word))
    return tag("ul", *items, class_="verdicts") if items else ""


# ------------------------------------------------------------------------------------------------------------ measures


def _curve(results: Results, measure: str, name: str) -> str:
    """A measure against the share of weights left, a line for each run with a band over seeds."""
    lines = []
    for run in results.columns:
        points = []
        for place in range(results.rounds + 1):
            if place == 0 and run not in ("ticket", "dense"):
                continue
            middle, around = results.mean(measure, place, run), results.std(measure, place, run)
            if math.isnan(middle):
                continue
            density = results.density(place)
            told = f"{run}, round {place}, {density:.2%} left: {measured(results, measure, place, run)}"
            flat = run == "dense"
            points.append(Point(density, middle, 0.0 if flat or math.isnan(around) else around, told))
        lines.append(Line(run, run, tuple(points), flat=run == "dense"))
    missing = [line.name for line in lines if len(line.points) < results.rounds]
    drawn = chart(
        name,
        f"{measure} against the share of weights left",
        "; ".join(_said(line) for line in lines if line.points),
        lines,
        _densities(results),
        Axis(measure, _short),
    )
    if not drawn:
        return note(f"{measure} was reached by no run.")
    words = f"{measure} at the end of each round; the horizontal axis is logarithmic."
    if measure.startswith("steps_to"):
        words = "Steps of training until held out data first reached it; less is faster."
        if missing:
            words += " Where a seed never did, there is no point."
    return tag("figure", drawn, text("figcaption", words))


def _densities(results: Results) -> Axis:
    found = tuple(dict.fromkeys(results.density(place) for place in range(results.rounds + 1)))
    return Axis("weights left", _percent, found, log=min(found) > 0, turned=True)


def _said(line: Line) -> str:
    """A line in words, for those who cannot see it."""
    first, last = line.points[0], line.points[-1]
    return f"{line.name} from {first.y:.4g} at {_percent(first.x)} to {last.y:.4g} at {_percent(last.x)}"


def _numbers(results: Results, measure: str) -> str:
    rows = [
        (str(place), f"{results.density(place):.2%}", *(measured(results, measure, place, run) for run in results.columns))
        for place in range(results.rounds + 1)
    ]
    seeds = len(results.experiment.seeds)
    words = "" if seeds == 1 else f", mean ± standard deviation of {seeds} seeds"
    return table(f"{measure}{words}", ("round", "left", *results.columns), rows)


# ----------------------------------------------------------------------------------------------------------- stability


def _stability(results: Results) -> Iterable[str]:
    """How two trainings that differ in their random numbers are connected."""
    if results.connected:
        yield note(
            "Each network was trained a second time from where its round began, with another order of the data and other "
            "random numbers. On the straight line between the two, the measure is taken at 11 places; the instability is "
            "how much worse it is at the worst of them than at the ends on average (Frankle et al. 2020). Statistics of "
            "batch norms are computed anew on the training data at each place, the ends among them."
        )
    for number, measure in enumerate(results.connected):
        lines = []
        for run in results.runs:
            points = []
            for place in range(results.rounds + 1):
                known = results.instability(measure, place, run) if place or run == "ticket" else []
                if known:
                    around = std(known)
                    told = f"{run}, round {place}: {spread(known)}"
                    points.append(
                        Point(results.density(place), mean(known), 0.0 if math.isnan(around) else around, told)
                    )
            lines.append(Line(run, run, tuple(points)))
        yield tag(
            "figure",
            chart(
                f"s{number}",
                f"instability of {measure} against the share of weights left",
                "; ".join(_said(line) for line in lines if line.points),
                lines,
                _densities(results),
                Axis(f"instability of {measure}", _short),
            ),
        )
        between = []
        for run in results.runs:
            known = [r.line[measure] for r in results.of(None, run) if measure in r.line]
            points = []
            for i, values in enumerate(zip(*known, strict=True)):
                place = i / (len(known[0]) - 1)
                around = std(values)
                told = f"{run}, {place:.0%} of the way: {spread(values)}"
                points.append(Point(place, mean(values), 0.0 if math.isnan(around) else around, told))
            between.append(Line(run, run, tuple(points)))
        yield tag(
            "figure",
            chart(
                f"l{number}",
                f"{measure} between two trainings of the last round",
                "; ".join(_said(line) for line in between if line.points),
                between,
                Axis("way from one training to the other", _percent, (0.0, 0.25, 0.5, 0.75, 1.0)),
                Axis(measure, _short),
            ),
            text("figcaption", f"{measure} on the line between two trainings of the last round."),
        )
        rows = [
            (str(i), f"{results.density(i):.2%}", *(steady(results, measure, i, run) for run in results.columns))
            for i in range(results.rounds + 1)
        ]
        yield table(f"instability of {measure}", ("round", "left", *results.columns), rows)


# ---------------------------------------------------------------------------------------------------------- the layers


def _layers(results: Results, plan: Plan) -> str:
    """What stays of each part after each round."""
    places = _some(plan.rounds)
    rows: list[tuple[str | Cell, ...]] = []
    for ranking in plan.rankings:
        for part in ranking.parts:
            shares = [results.density(place, part.name) for place in places]
            left = mean([r.parts[part.name] for r in results.of()])
            cells = [Cell(_percent(share), colour_of(share)) for share in shares]
            rows.append((part.name, f"{part.units:,}", *cells, f"{left:,.6g}"))
    units = {"weight": "weights", "nm": "weights"}.get(plan.unit, f"{plan.unit}s")
    words = f"share of {units} left after each round" + (", mean of seeds" if len(results.experiment.seeds) > 1 else "")
    return table(words, ("part", units, *(f"round {place}" for place in places), "left"), rows)


def _some(rounds: int) -> list[int]:
    """The last round, and some before it where there are many."""
    if rounds <= _ROUNDS:
        return list(range(1, rounds + 1))
    return sorted({round(1 + i * (rounds - 1) / (_ROUNDS - 1)) for i in range(_ROUNDS)})


def _drawing(found: Pruned) -> str:
    """The network, painted by what is left of it; nothing where there is no Graphviz."""
    from fanin.emit.picture.drawing import Picture
    from fanin.emit.picture.render import CannotRender

    last = [ticket.masks[-1] for ticket in found.tickets.values() if ticket.masks]
    if not last:
        return ""
    words = "weights left" + (f", mean of {len(last)} seeds" if len(last) > 1 else "")
    program = found.plan.program
    try:
        svg = Picture(program, paint=SparsityPaint(program, kept_by(last), words)).render("svg").decode()
    except CannotRender as error:
        return note(f"The drawing is left out: {error}")
    drawn = tag("div", svg[svg.index("<svg") :], class_="drawing", tabindex="0", role="region", aria_label="drawing")
    return tag("figure", drawn, text("figcaption", f"{program.name} after the last round; a line's tooltip has its count."))


# ------------------------------------------------------------------------------------------------------------ overlaps


def _overlaps(results: Results, plan: Plan) -> Iterable[str]:
    kinds = tuple(dict.fromkeys(o.kind for o in results.overlaps))
    found = {(o.kind, o.round): o for o in results.overlaps}
    if not kinds:
        return
    yield note(
        "Chance is what two masks with these counts in each layer would share if the places of one of them were drawn. "
        "Masks of later rounds lie in those of earlier ones. `reinit` has the mask of the ticket."
    )
    lines = []
    for kind in kinds:
        own = [o for place in range(1, plan.rounds + 1) if (o := found.get((kind, place))) is not None]
        points = tuple(Point(results.density(o.round), o.mean("kept"), 0.0, _told(o)) for o in own)
        lines.append(Line(overlap_name(kind), kind, points))
    first = [o for o in results.overlaps if o.kind == kinds[0]]
    chance = tuple(Point(results.density(o.round), o.mean("kept_by_chance")) for o in first)
    lines.append(Line("chance", "dense", chance, flat=True))
    said = "; ".join(_said(line) for line in lines if line.points)
    drawn = chart("o0", "what two masks both keep", said, lines, _densities(results), Axis("kept by both", _percent))
    yield tag("figure", drawn)
    rows: list[tuple[str | Cell, ...]] = [
        (str(place), f"{results.density(place):.2%}", *(overlap_cell(found.get((kind, place))) for kind in kinds))
        for place in range(1, plan.rounds + 1)
    ]
    yield table(ALIKE, ("round", "left", *map(overlap_name, kinds)), rows)
    head = [f"{overlap_name(kind)}: {what}" for kind in kinds for what in ("both", "Jaccard (chance)")]
    rows = []
    for part in results.overlaps[0].parts:
        cells = []
        for kind in kinds:
            o = found[kind, plan.rounds]
            alike = f"{o.mean('jaccard', part):.3f} ({o.mean('jaccard_by_chance', part):.3f})"
            cells += [overlap_cell(o, part), alike]
        rows.append((part, f"{results.density(plan.rounds, part):.2%}", *cells))
    yield table("the last round, layer by layer", ("part", "left", *head), rows)


def _told(o: Any) -> str:
    return f"{overlap_name(o.kind)}, round {o.round}: {overlap_cell(o)}, Jaccard {o.mean('jaccard'):.3f}"


# -------------------------------------------------------------------------------------------------------- how it was run


def _origin(found: Pruned) -> Iterable[str]:
    """What was run, with which settings, and the spec."""
    from fanin.systems.folder import Folder

    e = found.plan.experiment
    if found.folder is not None:
        document = Folder(found.folder).document()
        yield table("what was run", ("", ""), [(name, value) for name, value in _flat(document)], "facts")
    texts = dict(_specs(found))
    for name, content in texts.items():
        shown = tag("pre", text("code", content))
        yield tag("details", text("summary", name), shown, **({"open": ""} if len(texts) == 1 else {}))
    controls = {
        "reinit": "the mask of the ticket, with weights drawn anew",
        "random": "as many weights in each tensor, but drawn, with weights drawn anew",
        "once": "the trained whole network, pruned to the same counts in one go",
        "dense": "the whole network",
    }
    if e.controls:
        yield table("runs beside the ticket", ("run", ""), [(c, controls[c]) for c in e.controls], "facts")


def _flat(document: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        elif value is not None and value != {}:
            yield f"{before}{key}", str(value)


def _specs(found: Pruned) -> Iterable[tuple[str, str]]:
    """The files of the spec: those of the folder, or those that the experiment and its system stand in."""
    home = None if found.folder is None else os.path.join(found.folder, "spec")
    if home is not None and os.path.isdir(home):
        for folder, _, names in sorted(os.walk(home)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, home), file.read()
        return
    e = found.plan.experiment
    graph = (e.of.program if isinstance(e.of, System) else e.of).graph
    for source in {id(s): s for s in (e.span.source, graph.span.source)}.values():
        yield os.path.basename(source.name), source.text


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _short(value: float) -> str:
    return f"{value:,.4g}"
