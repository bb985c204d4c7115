"""The weights of a network after a cut, out of those before it; and those of the masked network, for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from fanin.analyses.couplings.cut import Cut, Kept

State = Mapping[str, Any]


class WrongWeights(ValueError):
    """Weights that are not of the network that was cut; the message names the first key that is not as it should be."""


def shrink_state(cut: Cut, state: State) -> dict[str, torch.Tensor]:
    """What stays of the weights. Numbers that flowed in on what goes become part of the biases behind it.

    Raises WrongWeights.
    """
    found: dict[str, torch.Tensor] = {}
    folded = folded_biases(cut, state)
    for part in cut.weights():
        tensor = folded.get(part.key, _tensor(part, state))
        for axis, entries in enumerate(part.axes):
            if entries is not None:
                tensor = tensor.index_select(axis, torch.tensor(entries, device=tensor.device))
        found[part.key] = tensor.clone()
    for part in cut.weights():
        if part.tied is not None and part.tied in found:
            found[part.key] = found[part.tied]
    return found


def mask_state(cut: Cut, state: State) -> dict[str, torch.Tensor]:
    """The weights with zeros for all that goes; buffers stay as they are."""
    found: dict[str, torch.Tensor] = {}
    for part in cut.weights():
        tensor = _tensor(part, state).clone()
        if part.kind == "param":
            for axis, entries in enumerate(part.axes):
                if entries is not None:
                    keep = torch.zeros(tensor.shape[axis], dtype=torch.bool, device=tensor.device)
                    keep[list(entries)] = True
                    shape = [-1 if i == axis else 1 for i in range(tensor.dim())]
                    tensor = torch.where(keep.reshape(shape), tensor, torch.zeros_like(tensor))
        found[part.key] = tensor
    return found


def folded_biases(cut: Cut, state: State) -> dict[str, torch.Tensor]:
    """Biases with what flows into them from entries that go and are not zero. Raises WrongWeights where none can be."""
    found: dict[str, torch.Tensor] = {}
    for fold in cut.folds():
        weight = state[f"{fold.path}.weight"]
        gone = torch.tensor(fold.gone, device=weight.device)
        columns = weight.index_select(1, gone)
        if not columns.any():
            continue  # masked on both sides
        key = f"{fold.path}.bias"
        if key not in state or not fold.foldable:
            why = "has no bias" if key not in state else "pads with zeros"
            raise WrongWeights(
                f"{fold.number:g} flows into `{fold.path}` on what goes, which {why}: its weights there have to be zero"
            )
        found[key] = found.get(key, state[key]) + fold.number * columns.flatten(1).sum(1)
    return found


def _tensor(part: Kept, state: State) -> torch.Tensor:
    if part.key not in state:
        raise WrongWeights(f"the weights have no `{part.key}`")
    tensor: torch.Tensor = state[part.key]
    if tuple(tensor.shape) != part.shape:
        raise WrongWeights(f"`{part.key}` is {tuple(tensor.shape)} in the weights, and {part.shape} in the network")
    return tensor
