"""The plan of a pruning experiment as a table and as a document."""

from __future__ import annotations

from typing import Any

from fanin.analyses.plan import STRUCTURED, Plan
from fanin.analyses.plan_costs import Costs, RoundCost
from fanin.emit.table import aligned

_UNITS = {"weight": "weights", "nm": "weights", "block": "blocks"}


def plan_table(plan: Plan, costs: Costs | None = None) -> str:
    """How much is left after each round, of each part, what that costs, and what collapses."""
    e = plan.experiment
    units = _UNITS.get(plan.unit, f"{plan.unit}s")
    seeds = f"{len(e.seeds)} seed{'s' if len(e.seeds) > 1 else ''}"
    lines = [
        f"{e.name}: {e.criterion.name}, unit {plan.unit}, scope {e.scope}, "
        f"{plan.rounds} round{'s' if plan.rounds > 1 else ''}, {seeds}, {plan.trainings} trainings",
        "",
    ]
    if not plan.rankings:
        return "\n".join([*lines, f"there are no {units} to prune"]) + "\n"
    left = plan.left
    rows = [("round", f"{units} left", "of all", "gone")]
    for i, count in enumerate(left):
        gone = "" if i == 0 else f"{left[i - 1] - count:_}"
        rows.append((str(i), f"{count:_}", f"{count / max(left[0], 1):.2%}", gone))
    lines += [*aligned(rows, right=range(4)), ""]
    rows = [("part", units, "left", "rate")]
    for ranking in plan.rankings:
        alone = len(ranking.parts) == 1
        for part in ranking.parts:
            share = f"{ranking.left[-1]:_}" if alone else "by rank"
            rows.append((part.name, f"{part.units:_}", share, ranking.rate))
        if not alone:
            rows.append((f"  {len(ranking.parts)} parts", f"{ranking.total:_}", f"{ranking.left[-1]:_}", ranking.rate))
    lines += aligned(rows, right=(1, 2))
    if costs is not None:
        lines += ["", *_cost_lines(costs)]
    if plan.collapses or plan.unit not in STRUCTURED:
        lines.append("")
    for c in plan.collapses:
        lines.append(f"collapse: `{c.name}` has {c.left} left after round {c.round}, and the floor is {c.floor}")
    if plan.unit not in STRUCTURED:
        lines.append("a mask saves nothing: the network is as large and as fast as before")
    return "\n".join(lines) + "\n"


def _cost_lines(costs: Costs) -> list[str]:
    at = ", ".join(f"{name}={size}" for name, size in costs.sizes)
    head = "the network that `fanin shrink` leaves" if costs.real else "what an engine that skips zeros needs at least"
    rows = [("round", "parameters", "bytes", "FLOPs")]
    for place, found in enumerate(costs.rounds):
        cells = ("?", "?", "?") if found is None else (f"{found.parameters:_}", f"{found.bytes:_}", _flops(found))
        rows.append((str(place), *cells))
    why = [f"?: {costs.why}"] if None in costs.rounds else []
    return [head + (f" (FLOPs at {at})" if at else ""), *aligned(rows, right=range(4)), *why]


def _flops(found: RoundCost) -> str:
    if found.least is None:
        return "?"
    return f"{found.least:_}" if found.least == found.most else f"{found.least:_} to {found.most:_}"


def plan_document(plan: Plan, costs: Costs | None = None) -> dict[str, Any]:
    """The same as data."""
    e = plan.experiment
    return {
        "experiment": e.name,
        "unit": plan.unit,
        "rounds": plan.rounds,
        "trainings": plan.trainings,
        "left": list(plan.left),
        "rankings": [
            {"parts": [{"name": p.name, "units": p.units} for p in r.parts], "rate": r.rate, "left": list(r.left)}
            for r in plan.rankings
        ],
        "skipped": list(plan.skipped),
        "costs": None if costs is None else _costs_document(costs),
        "collapses": [{"name": c.name, "round": c.round, "left": c.left, "floor": c.floor} for c in plan.collapses],
    }


def _costs_document(costs: Costs) -> dict[str, Any]:
    return {
        "of": "smaller network" if costs.real else "lower bound",
        "sizes": dict(costs.sizes),
        "rounds": [
            None
            if found is None
            else {"parameters": found.parameters, "bytes": found.bytes, "flops": [found.least, found.most]}
            for found in costs.rounds
        ],
        "why": costs.why,
    }
