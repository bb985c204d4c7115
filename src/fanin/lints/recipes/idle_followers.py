"""SYS715: a network that follows another, and that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.hangs_on import own_weights
from fanin.diagnostics.codes import SYS715
from fanin.diagnostics.model import Diagnostic
from fanin.ir.recipe import System


def check(system: System) -> Iterator[Diagnostic]:
    if not system.followers:
        return
    used = {path for node in system.graph.nodes for path in own_weights(node)}
    for follower in system.followers:
        if not any(_meet(follower.path, path) for path in used):
            yield Diagnostic(
                SYS715,
                f"`{follower.path}` follows `{follower.of}`, and nothing uses it",
                follower.span,
                "follows for nothing",
                helps=(f"bind what it is for: `sample = {follower.path}(…)`, or leave it out",),
            )


def _meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
