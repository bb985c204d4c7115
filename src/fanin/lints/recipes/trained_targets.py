"""SYS708: a module that follows another is moved by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SYS708
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.recipe import Target
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[tuple[Target, Diagnostic]]:
    for line in recipe.lines:
        for target in line.targets:
            for follower in recipe.system.followers:
                if target.path.split(".")[0] == follower.path.split(".")[0]:
                    headline = f"`{follower.path}` follows `{follower.of}`, and cannot be trained as well"
                    labels = (Label(follower.span, "follows another network"),)
                    helps = (f"train `{follower.of}`",)
                    yield target, Diagnostic(SYS708, headline, target.span, "trained here", labels, helps=helps)
