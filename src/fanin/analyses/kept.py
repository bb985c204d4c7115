"""How much of each parameter a pruning leaves: by its plan, where that says so without weights."""

from __future__ import annotations

from math import prod

from fanin.analyses.plan import STRUCTURED, Plan
from fanin.record import record


@record
class Kept:
    """``left`` of ``total`` weights stay; a mean over seeds may be no whole number."""

    left: float
    total: int


def planned(plan: Plan, round: int | None = None) -> dict[str, Kept | None]:
    """By the keys of parameters, what stays after a round (the last one); None where it hangs on the weights."""
    place = plan.rounds if round is None else round
    shares: dict[str, float | None] = {}
    sizes: dict[str, int] = {}
    for ranking in plan.rankings:
        alone = len(ranking.parts) == 1 or ranking.left[place] == ranking.total
        for part in ranking.parts:
            shares[part.name] = ranking.left[place] / max(ranking.total, 1) if alone else None
            sizes[part.name] = part.units * part.size
    if plan.unit in STRUCTURED:
        return _grouped(plan, shares)
    return {name: None if share is None else Kept(share * sizes[name], sizes[name]) for name, share in shares.items()}


def _grouped(plan: Plan, shares: dict[str, float | None]) -> dict[str, Kept | None]:
    """Groups go from every axis that they are on."""
    from fanin.analyses.couplings import couplings

    coupled = couplings(plan.program)
    found: dict[str, Kept | None] = {}
    for entry in plan.program.parameters:
        own = [(shares[name], entries) for name, _, entries in coupled.of_parameter(entry.key) if name in shares]
        if not own:
            continue
        total = prod(entry.type.shape)
        left: float | None = float(total)
        for share, entries in own:
            cut = sum(1 for place in entries if place >= 0) / len(entries)
            left = None if left is None or share is None else left * (1 - cut * (1 - share))
        found[entry.key] = None if left is None else Kept(left, total)
    return found
