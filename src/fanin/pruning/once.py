"""A network pruned as it is: scores that need no data, and nothing trained again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fanin.analyses.plan import Plan
from fanin.pruning.criteria import ALONE, of_weights
from fanin.pruning.masks import masked
from fanin.pruning.ranking import left_after, whole
from fanin.pruning.units import collapsed, unit_of
from fanin.systems.problems import RunFailed


def refuse_what_trains(plan: Plan) -> None:
    """A model says nothing of how it is trained: what of an experiment would need it is refused. Raises RunFailed."""
    experiment = plan.experiment
    name = experiment.of.name
    asked = [
        f"`by {experiment.criterion.name}`" if experiment.criterion.name not in ALONE else "",
        "`retrain`" if experiment.retrain is not None else "",
        "`compare`" if experiment.controls else "",
        "`measure`" if experiment.measures else "",
        "`expect`" if experiment.expected else "",
    ]
    wrong = next((word for word in asked if word), None)
    if wrong is not None:
        raise RunFailed(
            f"`{name}` is a model, and nothing says how it is trained, which {wrong} needs",
            help=f"write a system with it, and `prune {experiment.name} of` that; without one, weights are scored by "
            f"{', '.join(sorted(ALONE))} and removed",
        )


def prune_weights(plan: Plan, module: nn.Module, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The masks after all rounds, and the weights with them. Raises RunFailed where a part collapses."""
    refuse_what_trains(plan)
    unit, stays = unit_of(plan, module), whole(plan)
    state: Mapping[str, Tensor] = {key: tensor.detach().clone() for key, tensor in module.state_dict().items()}
    masks: dict[str, Tensor] = {}
    for place in range(1, plan.rounds + 1):
        held = {key: state[key].to("cpu", torch.float64) for key in unit.keys}
        stays = unit.choose(
            left_after(plan, place), stays, of_weights(plan.experiment.criterion.name, held, unit, seed, place)
        )
        gone = collapsed(plan, stays)
        if gone is not None:
            name, left, floor = gone
            raise RunFailed(f"`{name}` collapses: in round {place} it would have {left} left, and the floor is {floor}")
        masks = unit.masks(stays)
        state = masked(state, masks)
    return masks, dict(state)
