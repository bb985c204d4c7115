"""SYS705: weights that no line trains, or that no loss of theirs reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanin.analyses.reach import NOTHING, leaves
from fanin.diagnostics.codes import SYS705
from fanin.diagnostics.model import Diagnostic
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    system = recipe.system
    lines = system.every_line()
    if not lines:
        return
    moved: set[object] = set()
    named: set[object] = set()
    for line in lines:
        own = recipe.covered(line.targets)
        named |= own
        moved |= own & recipe.reached.get(line.loss, NOTHING)
    by_hand = {update.state.name for update in system.updates() if update.state.module is None}
    for state in system.graph.states:
        learned = state.kind == "param" and state.frozen is not True
        if learned and state.span is not None and state.name not in by_hand and state.name not in named:
            yield _never(state.name, state.span)
    followers = {f.path for f in system.followers}
    for child in system.graph.children:
        weights = frozenset(leaves(child.instance, child.path))
        if not weights or child.path in followers:
            continue
        if not weights & named:
            yield _never(child.path, child.span)
            continue
        idle = sorted(map(str, (weights & named) - moved))
        if idle and weights & moved:  # else the loss of such a line has been reported
            yield Diagnostic(
                SYS705,
                f"no loss reaches `{idle[0]}`" + (f" and {len(idle) - 1} more" if len(idle) > 1 else ""),
                child.span,
                "stays as it starts",
                helps=("what is not used can be left out",),
            )


def _never(path: str, span: Any) -> Diagnostic:
    return Diagnostic(
        SYS705,
        f"nothing trains `{path}`",
        span,
        "stays as it starts",
        helps=("say so with `frozen=true`, or train it",),
    )
