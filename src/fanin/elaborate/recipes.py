"""The words of systems and prunes, optimisers and criteria among them: they run later, a typo shows now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fanin.diagnostics import Diagnostic, Fix
from fanin.diagnostics.codes import NAM201
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.ir.rules import OPTIMISERS, OPTIONS, SCHEDULES
from fanin.source import Span
from fanin.syntax import tree

LENGTHS = ["epoch", "epochs", "step", "steps"]

CLAUSES = {
    "by": ["grasp", "l2", "magnitude", "random", "snip", "synflow", "taylor", "wanda"],
    "unit": ["block", "channel", "head", "neuron", "nm", "weight"],
    "scope": ["each", "global", "layer"],
}
CONTROLS = ["dense", "once", "random", "reinit"]
POINTS = ["epoch", "start", "step"]


def recipe_words(clauses: Iterable[tree.Clause], known: set[str]) -> Iterator[Diagnostic]:
    """What follows ``with``: an optimiser (or a name that is bound to one), then options and schedules."""
    for place, clause in enumerate(clauses):
        words = list(OPTIMISERS) if place == 0 else [*OPTIONS, *SCHEDULES]
        what = "optimiser" if place == 0 else "option or schedule"
        if clause.name.name not in words and not (place == 0 and clause.name.name in known):
            yield _unknown(clause.name, what, words)


def length_word(unit: tree.Ident) -> Iterator[Diagnostic]:
    """The unit of ``for 3 epochs``."""
    if unit.name not in LENGTHS:
        yield _unknown(unit, "length of training", LENGTHS)


def prune_words(clause: tree.PruneClause) -> Iterator[Diagnostic]:
    """The words of one clause of a ``prune``."""
    for value in clause.values:
        if isinstance(value, tree.Clause) and clause.kind in CLAUSES:
            if value.name.name not in CLAUSES[clause.kind]:
                yield _unknown(value.name, f"`{clause.kind}`", CLAUSES[clause.kind])
        elif isinstance(value, tree.Ident) and clause.kind == "compare" and value.name not in CONTROLS:
            yield _unknown(value, "control run", CONTROLS)
        elif isinstance(value, tree.Ident) and clause.kind == "rewind" and value.name not in POINTS:
            yield _unknown(value, "point to rewind to", POINTS)
    if clause.kind == "retrain":
        yield from recipe_words([v for v in clause.values if isinstance(v, tree.Clause)], set())
        yield from (d for v in clause.values if isinstance(v, tree.Ident) for d in length_word(v))


def first_part(path: tree.Path) -> tree.Ident:
    """The name that a path starts with."""
    at = Span(path.span.source, path.span.start, path.span.start + len(path.parts[0]))
    return tree.Ident(at, path.parts[0])


def _unknown(name: tree.Ident, what: str, words: list[str]) -> Diagnostic:
    near = nearest(name.name, words)
    return Diagnostic(
        NAM201,
        f"there is no {what} called `{name.name}`",
        name.span,
        "not known",
        helps=() if near else (f"there are: {', '.join(words)}",),
        fix=Fix(f"did you mean `{near}`?", (Edit(name.span, near),)) if near else None,
    )
