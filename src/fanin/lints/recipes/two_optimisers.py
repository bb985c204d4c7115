"""SYS707: two optimisers of one stage, each with a state of its own, on the same weights."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SYS707
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    seen: set[tuple[int, int]] = set()
    for lines in recipe.groups:
        for i, line in enumerate(lines):
            for other in lines[:i]:
                pair = (line.span.start, other.span.start)
                if line.optimiser == other.optimiser or pair in seen:
                    continue
                seen.add(pair)
                if both := recipe.moved(line) & recipe.moved(other):
                    yield Diagnostic(
                        SYS707,
                        f"two optimisers move `{min(both)}`, each with a state of its own",
                        line.span,
                        "the second",
                        (Label(other.span, "the first"),),
                        helps=(f"bind one and name it in both lines: `opt = {line.rule.name}(…)`",),
                    )
