"""What goes in a round: the weakest units of each ranking, exactly as many as the plan says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fanin.analyses.plan import Plan
from fanin.systems.problems import RunFailed

Units = dict[str, Tensor]
"""By the names of parts, which of their units stay: bool[units]."""


def whole(plan: Plan) -> Units:
    """Every unit of every part."""
    return {part.name: torch.ones(part.units, dtype=torch.bool) for r in plan.rankings for part in r.parts}


def weakest_gone(plan: Plan, left: list[int], stays: Units, scores: Mapping[str, Tensor]) -> Units:
    """What is left of ``stays`` when each ranking has ``left`` units, those with the highest scores.

    Equal ones go in the order of the parts, and of their places. Raises RunFailed for scores that are no numbers.
    """
    found = dict(stays)
    for ranking, count in zip(plan.rankings, left, strict=True):
        names = [part.name for part in ranking.parts]
        for name in names:
            if bool(torch.isnan(scores[name][stays[name]]).any()):
                raise RunFailed(f"`{name}` has a score that is no number: it cannot be ranked")
        alive = torch.cat([stays[name] for name in names])
        places = alive.nonzero().squeeze(1)
        gone = len(places) - count
        if gone <= 0:
            continue
        order = torch.argsort(torch.cat([scores[name].to(torch.float64) for name in names])[places], stable=True)
        alive[places[order[:gone]]] = False
        sizes = [part.units for part in ranking.parts]
        found.update(zip(names, (part.clone() for part in torch.split(alive, sizes)), strict=True))
    return found


def left_after(plan: Plan, number: int) -> list[int]:
    """How many units each ranking has after a round."""
    return [ranking.left[number] for ranking in plan.rankings]


def shuffled(stays: Units, source: torch.Generator) -> Units:
    """As many units of each part as stay, which is drawn."""
    found: Units = {}
    for name, kept in stays.items():
        chosen = torch.randperm(len(kept), generator=source)[: int(kept.sum())]
        found[name] = torch.zeros_like(kept)
        found[name][chosen] = True
    return found
