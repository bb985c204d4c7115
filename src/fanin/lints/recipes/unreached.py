"""SYS704: a loss that hangs on none of the weights that it is to move."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reach import NOTHING
from fanin.diagnostics.codes import SYS704
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.recipe import Target
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe, broken: set[Target]) -> Iterator[Diagnostic]:
    for line in recipe.lines:
        if broken & set(line.targets):
            continue
        for target in line.targets:
            if recipe.covered((target,)) & recipe.reached.get(line.loss, NOTHING):
                continue
            yield Diagnostic(
                SYS704,
                f"the loss `{line.loss}` has no gradient for `{target.span.text}`",
                target.span,
                "the loss does not reach these weights",
                (Label(recipe.measures[line.loss].span, "the loss"),),
                notes=("a gradient flows through float numbers, and not through `stop_gradient`",),
            )
