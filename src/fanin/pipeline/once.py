"""A ``prune`` of a model → its weights as they are, with masks: nothing is trained, and no data is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fanin.pipeline.artefacts import source
from fanin.pipeline.files import load
from fanin.pipeline.graphs import pruning_of
from fanin.pipeline.shrinking import write_smaller
from fanin.report import Hyper, read_source

if TYPE_CHECKING:
    from fanin.analyses.plan import Plan
    from fanin.pruning.smaller import Saved


def prune_weights(
    path: str, name: str | None, *, weights: str | None, out: str, seed: int, hyper: Hyper
) -> tuple[Plan, Saved | None]:
    """Prune a model as it is, without training: the plan, and what the smaller network saves where whole units
    went. The weights and their masks are kept in ``out``.

    ``weights`` is a file of them; without one they are drawn by ``seed``. Raises Unreadable, NoSuchName, CheckFailed,
    RunFailed, and WrongWeights for weights of another network.
    """
    from fanin.analyses.plan import STRUCTURED
    from fanin.ir.recipe import System
    from fanin.pruning import once
    from fanin.pruning.masks import packed
    from fanin.pruning.shrinking import WrongWeights, read_weights, write_weights
    from fanin.runtime.load import build
    from fanin.systems.problems import RunFailed

    plan = pruning_of(load(read_source(path), path), path, name, hyper)
    if isinstance(plan.experiment.of, System):
        raise RunFailed("it is not said on what to train", help="give --data digits, a file, a folder; or --plan")
    once.refuse_what_trains(plan)
    module = build(plan.program, source(plan.program), seed=seed)
    if weights is not None:
        try:
            module.load_state_dict(read_weights(weights))
        except RuntimeError as error:
            raise WrongWeights(f"{weights}: {str(error).splitlines()[-1].strip()}") from None
    masks, state = once.prune_weights(plan, module, seed)
    os.makedirs(out, exist_ok=True)
    write_weights(os.path.join(out, "weights.safetensors"), state)
    write_weights(os.path.join(out, "masks.safetensors"), {key: packed(mask) for key, mask in masks.items()})
    saved = write_smaller(plan, state, out) if plan.unit in STRUCTURED else None
    return plan, saved
