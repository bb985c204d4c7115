"""TRN805: ``muon`` given what is no matrix.

It orthogonalises what a gradient has moved (Jordan et al. 2024, "Muon"), which is defined for a matrix alone; torch's
refuses anything else as the training begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fanin.analyses.paths import parameters
from fanin.diagnostics.codes import TRN805
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    lines = [line for line in recipe.lines if line.rule.name == "muon"]
    if not lines:
        return
    whole = replace(recipe.system.program, graph=recipe.system.graph)
    shapes = {entry.key: entry.type for entry in parameters(whole)}
    for line in lines:
        others = [key for key in sorted(recipe.moved(line)) if key in shapes and shapes[key].rank != 2]
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            yield Diagnostic(
                TRN805,
                f"`muon` moves matrices alone, and `{others[0]}` is {shapes[others[0]]}{more}",
                line.rule.span,
                "not for these",
                (Label(line.targets[0].span, "what is trained"),),
                helps=(f"a line of its own trains the rest: `train {others[0]} on {line.loss} with adamw()`",),
            )
