"""The weights of a network after a cut, out of those before it; and those of the masked network, for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from fanin.analyses.couplings import Coupled, Grade
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


def shrink_moments(cut: Cut, moments: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What an optimiser remembers of each parameter, by its key: tensors of its shape are cut alike, the rest stays."""
    parts = {part.key: part for part in cut.weights()}
    found: dict[str, dict[str, Any]] = {}
    for key, held in moments.items():
        found[key] = {}
        for name, value in held.items():
            if isinstance(value, torch.Tensor) and tuple(value.shape) == parts[key].shape:
                for axis, entries in enumerate(parts[key].axes):
                    if entries is not None:
                        value = value.index_select(axis, torch.tensor(entries, device=value.device))
            found[key][name] = value.clone() if isinstance(value, torch.Tensor) else value
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


def scores(coupled: Coupled, state: State) -> dict[str, torch.Tensor]:
    """The joint 2-norm of all weights that go with each entry, for every group that can be cut. Raises WrongWeights."""
    found = {group.name: torch.zeros(group.size, dtype=torch.float64) for group in coupled.groups}
    for part in Cut(coupled, {}).weights():
        if part.kind != "param" or part.tied is not None:
            continue
        tensor = _tensor(part, state).detach().to("cpu", torch.float64)
        for group, axis, entries in coupled.of_parameter(part.key):
            rows = tensor.square().movedim(axis, 0).reshape(tensor.shape[axis], -1).sum(1)
            index = torch.tensor(entries)
            here = index >= 0
            found[group].index_add_(0, index[here], rows[here])
    return {name: total.sqrt() for name, total in found.items()}


def strongest(coupled: Coupled, state: State, counts: Mapping[str, int]) -> dict[str, list[int]]:
    """Of each group named, so many entries with the largest joint norm, of equal ones the first."""
    by_name = scores(coupled, state)
    return {
        name: sorted(torch.argsort(by_name[name], descending=True, stable=True)[:count].tolist())
        for name, count in counts.items()
    }


def alive(coupled: Coupled, state: State, align: int = 1, approximate: bool = False) -> dict[str, list[int]]:
    """Of each group the entries with a weight that is not zero: at least one, and as many as ``align`` asks.

    A group of which a cut changes more than what goes stays whole, unless ``approximate``.
    """
    found: dict[str, list[int]] = {}
    for name, score in scores(coupled, state).items():
        if coupled[name].grade is Grade.APPROXIMATE and not approximate:
            continue
        count = max(1, int((score > 0).sum()))
        count = min(len(score), -(-count // align) * align)
        if count < len(score):
            found[name] = sorted(torch.argsort(score, descending=True, stable=True)[:count].tolist())
    return found


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """A file of weights: ``.safetensors``, or a ``state_dict`` that ``torch.save`` wrote."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    found: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return found


def write_weights(path: str, state: Mapping[str, torch.Tensor], name: str = "") -> None:
    """The same, written as ``name`` (or ``path``) ends. A tensor that stands under two keys is written under both."""
    if (name or path).endswith(".safetensors"):
        from safetensors.torch import save_file

        save_file({k: v.clone().contiguous() for k, v in state.items()}, path)
    else:
        torch.save(dict(state), path)
