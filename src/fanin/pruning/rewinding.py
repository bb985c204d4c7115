"""What a training is at a step, kept so that others can start from exactly there."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fanin.data.loader import Batches
from fanin.pruning.masks import Masks, masked
from fanin.record import field, record
from fanin.systems.training import Loop


@record(eq=False)
class Point:
    """A place in a training: weights and buffers, where its steps and its data are, and the random numbers."""

    weights: dict[str, Tensor] = field(repr=False)
    stage: int
    step: int  # of the stage
    steps: int  # of the run
    data: dict[str, Any]
    random: list[dict[str, Tensor]] = field(repr=False)


def here(loop: Loop) -> Point:
    """Where a training is; nothing it does later reaches what is kept."""
    training, own = loop.training, loop.batches
    data = {"epoch": own.epoch, "position": own.position} if isinstance(own, Batches) else own.state()
    return Point(held(loop), training.stage, training.step, loop.steps, data, loop.machine.random_states())


def held(loop: Loop) -> dict[str, Tensor]:
    """A copy of all weights and buffers."""
    return {key: tensor.detach().clone() for key, tensor in loop.system.state_dict().items()}


def back(loop: Loop, point: Point, masks: Masks) -> None:
    """Put a training, just made, where another was, without what is masked. Its optimisers are as new."""
    own = loop.batches
    training = loop.training
    training.stage, training.step, loop.steps = point.stage, point.step, point.steps
    loop.system.load_state_dict(masked(point.weights, masks))
    training.begin()
    if isinstance(own, Batches):
        own.epoch, own.position = point.data["epoch"], point.data["position"]
    else:
        own.resume(point.data)
    loop.machine.draw_from(point.random)
