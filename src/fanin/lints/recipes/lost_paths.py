"""SYS710: paths that name no weight that can be learned."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SYS710
from fanin.diagnostics.model import Diagnostic
from fanin.diagnostics.suggest import nearest
from fanin.ir.recipe import Target
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[tuple[Target, Diagnostic]]:
    followers = {f.path for f in recipe.system.followers}
    for line in recipe.lines:
        for target in line.targets:
            first = target.path.split(".")[0]
            if first in followers or recipe.covered((target,)):
                continue
            levels = target.path.count(".") + 1
            keys = [key for own in recipe.keys.values() for key in own]
            known = sorted({".".join(key.split(".")[:levels]) for key in keys})
            near = nearest(target.path, known)
            below = [w for w in known if w.split(".")[0] == first]
            yield (
                target,
                Diagnostic(
                    SYS710,
                    f"`{target.span.text}` names no weight that can be trained",
                    target.span,
                    "nothing there",
                    helps=(f"did you mean `{near}`?",)
                    if near
                    else (f"there are: {', '.join((below or known)[:12])}",)
                    if known
                    else ("what is frozen, or has no weights, is not trained",),
                ),
            )
