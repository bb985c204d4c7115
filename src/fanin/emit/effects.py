"""Which loss trains what, as ``fanin show`` prints it below a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fanin.analyses.effects import Effect, effects
from fanin.emit.table import aligned
from fanin.ir.recipe import System


def table(system: System) -> str:
    """A line for each ``train`` line; then the losses that train nothing."""
    found = effects(system)
    staged = any(effect.stage for effect in found)
    rows: list[Sequence[str]] = [("stage" if staged else "", "loss", "by", "moves", "weights", "passes through")]
    rows += [(e.stage, *_row(e)) for e in found]
    trained = {e.loss for e in found}
    rows += [("", m.name, "", "-", "", "") for m in system.measures if m.kind == "loss" and m.name not in trained]
    lines = aligned(rows, right=(4,), shrink=(2, 3))
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]]) + "\n"


def _row(effect: Effect) -> Sequence[str]:
    moves = ", ".join(effect.targets)
    return effect.loss or "-", effect.rule or "by hand", moves, f"{effect.weights:,}", ", ".join(effect.through)


def documents(system: System) -> list[dict[str, Any]]:
    """The same for JSON."""
    return [
        {
            "stage": effect.stage or None,
            "loss": effect.loss or None,
            "by": effect.rule or None,
            "targets": list(effect.targets),
            "moves": list(effect.moved),
            "weights": effect.weights,
            "through": list(effect.through),
        }
        for effect in effects(system)
    ]
