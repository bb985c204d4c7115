"""What a training is at a step, kept so that others can start from exactly there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fanin.data.loader import Batches
from fanin.pruning.masks import Masks, masked
from fanin.record import field, record
from fanin.systems.training import Loop


@record(eq=False)
class Point:
    """A place in a training: weights and buffers, where its steps and its data are, and the random numbers.

    ``optimisers`` are the states of those, by their numbers, for what goes on with them; without, they start as new.
    """

    weights: dict[str, Tensor] = field(repr=False)
    stage: int
    step: int  # of the stage
    steps: int  # of the run
    data: dict[str, Any]
    random: list[dict[str, Tensor]] = field(repr=False)
    optimisers: dict[int, Any] = field(default_factory=dict, repr=False)


def here(loop: Loop, *, optimisers: bool = False) -> Point:
    """Where a training is; nothing it does later reaches what is kept."""
    training, own = loop.training, loop.batches
    data = {"epoch": own.epoch, "position": own.position} if isinstance(own, Batches) else own.state()
    states = {}
    if optimisers and len(training.stages) == 1:  # those of another stage would move other weights
        states = {number: _copied(optimiser.state_dict()) for number, optimiser in training.optimisers.items()}
    return Point(held(loop), training.stage, training.step, loop.steps, data, loop.machine.random_states(), states)


def held(loop: Loop) -> dict[str, Tensor]:
    """A copy of all weights and buffers."""
    return {key: tensor.detach().clone() for key, tensor in loop.system.state_dict().items()}


def back(loop: Loop, point: Point, masks: Masks) -> None:
    """Put a training, just made, where another was, without what is masked."""
    own = loop.batches
    training = loop.training
    training.stage, training.step, loop.steps = point.stage, point.step, point.steps
    loop.system.load_state_dict(masked(point.weights, masks))
    training.begin()
    for number, state in point.optimisers.items():
        training.optimisers[number].load_state_dict(_copied(state))  # which takes over tensors as they are
    if isinstance(own, Batches):
        own.epoch, own.position = point.data["epoch"], point.data["position"]
    else:
        own.resume(point.data)
    loop.machine.draw_from(point.random)


def _copied(value: Any) -> Any:
    """The same with tensors of its own."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
