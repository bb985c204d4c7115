"""One page for an experiment: what came out, what it was compared to, where the weights went, how it was run.

It needs nothing from outside and no script, and is read in light and dark, by eye and by ear.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fanin.ir.recipe import System
from fanin.pruning.curves import of_measure, of_stability, percent
from fanin.pruning.layers import of_layers, of_overlaps
from fanin.pruning.markup import note, section, table, tag, text
from fanin.pruning.report import Results

if TYPE_CHECKING:
    from fanin.analyses.plan import Plan
    from fanin.pruning.running import Pruned


def page(found: Pruned) -> str:
    """The page as HTML."""
    results, plan = found.results, found.plan
    title = f"{plan.experiment.name}: pruning of {plan.experiment.of.name}"
    parts = [
        _head(title, results, plan),
        section("Promises", _promises(results)),
        *(section(m, *of_measure(results, m, f"m{i}")) for i, m in enumerate(results.measures)),
        section("The smaller network", *_saved(found)),
        section("Stability", *of_stability(results)),
        section("Weights left, layer by layer", *of_layers(found)),
        section("Are the masks alike?", *of_overlaps(results, plan)),
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
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{chr(10).join(head)}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def _head(title: str, results: Results, plan: Plan) -> str:
    e = plan.experiment
    seeds = len(e.seeds)
    held = [holds for _, holds, _, _ in results.promises()]
    facts = [
        (f"{results.density(plan.rounds):.2%}", "left"),
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
    rate = percent(removal.rate)
    much = {
        "each": f"{rate} of what is left goes in each round",
        "once": f"{rate} of all goes at once",
        "to": f"{rate} of all is left in the end",
        "gradually": f"{rate} of all is left in the end, and less goes from round to round",
    }[removal.kind]
    kind, place = e.rewind
    back = {
        "none": "what is left is trained on",
        "rate": "what is left is trained again from where it is, at the first learning rate",
        "start": "what is left goes back to its first weights",
    }.get(kind, f"what is left goes back to {kind} {place}")
    arguments = ", ".join(f"{value}" for _, value in e.unit.args)
    unit = f"{e.unit.name}({arguments})" if arguments else e.unit.name
    where = {"each": "ranked by part", "global": "ranked together", "layer": "ranked layer by layer"}[e.scope]
    seeds = "" if len(e.seeds) == 1 else f". Bands and ± are standard deviations over {len(e.seeds)} seeds"
    return f"By {e.criterion.name}, unit {unit}, {where}: {much}, and {back}{seeds}"


def _promises(results: Results) -> str:
    items = []
    for e, holds, left, right in results.promises():
        word = "holds" if holds else "broken"
        numbers = text("span", f" ({left:.6g} {e.test.op} {right:.6g})")
        items.append(tag("li", text("b", word), text("code", e.text), numbers, class_=word))
    return tag("ul", *items, class_="verdicts") if items else ""


def _saved(found: Pruned) -> Iterable[str]:
    """What the networks save that whole units were taken out of."""
    none = ("none: smaller.txt says why", "", "", "")
    rows = [(f"seed {seed}", *(none if saved is None else saved.told)) for seed, saved in found.saved.items()]
    if rows:
        head = ("", "parameters", "kB on disk", "ms of a forward pass", "times as fast")
        yield table("the smaller networks, smaller.arch of each seed", head, rows)
        yield note(
            "Times are measured on one thread of this machine when the page was written, in turns with the whole."
        )


# ---------------------------------------------------------------------------------------------------- how it was run


def _origin(found: Pruned) -> Iterable[str]:
    """What was run, with which settings, and the spec."""
    from fanin.systems.folder import Folder

    e = found.plan.experiment
    if found.folder is not None:
        document = dict(Folder(found.folder).document())
        settings = document.pop("settings", {})
        yield table("what was run", ("", ""), list(_flat(document)), "facts")
        listed = table("settings of the trainings", ("setting", "value"), list(_flat(settings)), "facts")
        yield tag("details", text("summary", "settings"), listed)
    texts = dict(_specs(found))
    for name, content in texts.items():
        shown = tag("pre", text("code", content))
        yield tag("details", text("summary", name), shown)
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
