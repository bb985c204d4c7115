"""Where the weights went, for an experiment's page: layer by layer, on the drawing, and next to other masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fanin.emit.chart import Axis, Line, Point, chart
from fanin.emit.picture.by_sparsity import SparsityPaint, colour_of
from fanin.pruning.curves import all_said, densities, percent
from fanin.pruning.kept import kept_by
from fanin.pruning.markup import Cell, note, table, tag, text
from fanin.pruning.report import Results, mean
from fanin.pruning.tables import ALIKE, overlap_cell, overlap_name

if TYPE_CHECKING:
    from fanin.analyses.plan import Plan
    from fanin.pruning.overlap import Overlap
    from fanin.pruning.running import Pruned

_ROUNDS = 6  # columns of rounds in a table, at most


def of_layers(found: Pruned) -> Iterable[str]:
    """The table of what stays of each part, and the drawing painted by it."""
    yield _layers(found.results, found.plan)
    yield _drawing(found)


def _layers(results: Results, plan: Plan) -> str:
    """What stays of each part after each round."""
    places = _some(plan.rounds)
    rows: list[tuple[str | Cell, ...]] = []
    for ranking in plan.rankings:
        for part in ranking.parts:
            shares = [results.density(place, part.name) for place in places]
            left = mean([r.parts[part.name] for r in results.of()])
            cells = [Cell(percent(share), colour_of(share)) for share in shares]
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
    return tag(
        "figure", drawn, text("figcaption", f"{program.name} after the last round; a line's tooltip has its count.")
    )


def of_overlaps(results: Results, plan: Plan) -> Iterable[str]:
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
    words = all_said(lines)
    drawn = chart("o0", "what two masks both keep", words, lines, densities(results), Axis("kept by both", percent))
    yield tag("figure", drawn)
    rows: list[tuple[str | Cell, ...]] = [
        (str(place), f"{results.density(place):.2%}", *(overlap_cell(found.get((kind, place))) for kind in kinds))
        for place in range(1, plan.rounds + 1)
    ]
    yield table(ALIKE, ("round", "left", *map(overlap_name, kinds)), rows)
    last = [found[kind, plan.rounds] for kind in kinds]
    for caption, cell in (
        (f"the last round, layer by layer: {ALIKE.removeprefix('masks: ')}", overlap_cell),
        ("the same as Jaccard's coefficient: what both keep, as a share of what either keeps", _jaccard),
    ):
        rows = [
            (part, f"{results.density(plan.rounds, part):.2%}", *(cell(o, part) for o in last))
            for part in last[0].parts
        ]
        rows.append(("all", f"{results.density(plan.rounds):.2%}", *(cell(o) for o in last)))
        yield table(caption, ("part", "left", *map(overlap_name, kinds)), rows)


def _jaccard(o: Overlap | None, part: str | None = None) -> str:
    return "" if o is None else f"{o.mean('jaccard', part):.3f} ({o.mean('jaccard_by_chance', part):.3f})"


def _told(o: Overlap) -> str:
    return f"{overlap_name(o.kind)}, round {o.round}: {overlap_cell(o)}, Jaccard {_jaccard(o)}"
