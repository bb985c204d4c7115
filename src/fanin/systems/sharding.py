"""Weights of which each process of a run holds a part (FSDP2), and the way between these and whole tensors.

States are kept whole, so that a run can go on in another number of processes, or in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def shard(system: nn.Module, size: int) -> None:
    """Have each process hold a part of every weight of the networks of a system. It takes whole states all the same."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = next(system.parameters()).device.type
    mesh = init_device_mesh(device, (size,))
    for child in system.children():
        if any(True for _ in child.parameters()):
            fully_shard(child, mesh=mesh)
    system.register_load_state_dict_pre_hook(_take_parts)  # type: ignore[no-untyped-call]


def is_part(value: Any) -> bool:
    """Whether other processes have the rest of a tensor."""
    return hasattr(value, "full_tensor")


def whole(value: Any) -> Any:
    """A state with whole tensors in the place of parts. Every process has to ask for it."""
    if isinstance(value, Mapping):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(whole(item) for item in value)
    return value.full_tensor() if is_part(value) else value


def average(gradients: Sequence[Tensor], size: int) -> None:
    """Make whole gradients the mean over all processes, as those of parts are."""
    if gradients:
        import torch.distributed as dist

        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        for gradient, mean in zip(gradients, torch.split(flat / size, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))


def load(training: Any, state: Mapping[str, Any]) -> None:
    """Have a training go on from a whole state, of which each process takes its parts."""
    training.load_state_dict(state)
    for optimiser in training.optimisers.values():
        for weight, kept in optimiser.state.items():
            kept.update({name: part_like(weight, value) for name, value in kept.items()})
    if hasattr(training, "sums") and not training.done:
        training.sums = [
            None if slopes is None else list(map(part_like, weights, slopes))
            for weights, slopes in zip(training.moved, training.sums, strict=True)
        ]


def part_like(weight: Tensor, value: Any) -> Any:
    """What a process holds of a whole tensor that goes with a weight: what it holds of the weight itself."""
    if not is_part(weight) or not isinstance(value, Tensor) or value.shape != weight.shape or is_part(value):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(weight, DTensor)
    device = weight.to_local().device
    return distribute_tensor(value.to(device), weight.device_mesh, weight.placements, src_data_rank=None)


def _take_parts(system: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a system takes a state: the parts of what is whole in it."""
    for name, weight in [*system.named_parameters(), *system.named_buffers()]:
        if name in state:
            state[name] = part_like(weight, state[name])
