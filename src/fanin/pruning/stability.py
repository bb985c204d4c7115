"""Whether two trainings that differ in their random numbers are connected: measures on the line between their weights.

Frankle et al. 2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from fanin.data.streaming import batches
from fanin.data.table import Data
from fanin.pruning.line import POINTS
from fanin.pruning.rewinding import held
from fanin.systems.training import Loop, rows_of

State = Mapping[str, Tensor]


def between(loop: Loop, other: State, data: Data, measured: Callable[[Loop], Mapping[str, float]]) -> dict[str, Any]:
    """By the names of measures, what they are at the places of a line: from the weights of a training that has ended
    to those of another one. The training is as before when this ends.

    Running statistics of norms are those of a network, and not of one between two: they are taken anew at each place,
    the ends among them, over the training ``data``.
    """
    first = held(loop)
    found: dict[str, list[float]] = {}
    try:
        for place in range(POINTS):
            loop.system.load_state_dict(mixed(first, other, place / (POINTS - 1)))
            count_again(loop, data)
            for name, value in measured(loop).items():
                found.setdefault(name, []).append(value)
    finally:
        loop.system.load_state_dict(first)
    return {name: tuple(values) for name, values in found.items()}


def mixed(first: State, last: State, share: float) -> dict[str, Tensor]:
    """Weights so far on the way from the first to the last; what counts or chooses is that of the first."""
    return {
        key: torch.lerp(tensor, last[key], share) if tensor.is_floating_point() else tensor
        for key, tensor in first.items()
    }


def count_again(loop: Loop, data: Data) -> None:
    """Take the running statistics of norms anew: their mean over the batches of the training data, all else as in
    evaluation. Norms that the system does not run keep what they have."""
    norms = [m for m in loop.system.modules() if isinstance(m, _NormBase) and m.running_mean is not None]
    if not norms:
        return
    before = [(norm, norm.momentum, {k: v.clone() for k, v in norm.state_dict().items()}) for norm in norms]
    modes = {module: module.training for module in loop.system.modules()}
    loop.system.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # which is the mean of all
        norm.train()
    ramps = loop.training.numbers() if hasattr(loop.training, "numbers") else []
    rows = batches(data, loop.settings.batch_size, shuffle=False, dtype=loop.machine.dtype)
    try:
        with torch.no_grad(), loop.machine.running(draws=False):
            for place, fields in enumerate(rows):
                count = rows_of(rows, place) or 1
                if count > 1:  # a single row has no variance
                    loop.system(*loop.machine.batch(fields, loop.inputs, count), *ramps)
    finally:
        for norm, momentum, state in before:
            norm.momentum = momentum
            if not int(norm.num_batches_tracked or 0):
                norm.load_state_dict(state)
        for module, mode in modes.items():
            module.training = mode
