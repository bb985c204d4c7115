"""What flows into a layer, as a score of its weights needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fanin.systems.problems import RunFailed

_Convs = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def input_norms(run: Callable[[], Any], system: nn.Module, keys: Iterable[str]) -> dict[str, Tensor]:
    """By the key of a weight, the 2-norm of each input of its layer over all rows and places that ``run`` sends
    through it, in the shape that goes with the weight. float64. Raises RunFailed for weights of other layers."""
    squares: dict[str, Tensor] = {}
    hooks = []
    try:
        for key in keys:
            layer = system.get_submodule(key.rpartition(".")[0])
            if not weighable(system, key):
                raise RunFailed(
                    f"wanda weighs what flows into a dense layer or convolution, and `{key}` is of "
                    f"{type(layer).__name__}",
                    help=f"say `except {key}`, or score by magnitude",
                )
            hooks.append(layer.register_forward_pre_hook(_adder(squares, key)))
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    missing = [key for key in keys if key not in squares]
    if missing:
        raise RunFailed(f"nothing flows into `{missing[0]}`, and wanda weighs what does")
    return {key: _beside(system.get_parameter(key), total.sqrt()) for key, total in squares.items()}


def weighable(system: nn.Module, key: str) -> bool:
    """Whether a parameter is the weight of a dense layer or convolution."""
    path, _, name = key.rpartition(".")
    return name == "weight" and isinstance(system.get_submodule(path), (nn.Linear, *_Convs))


def _adder(squares: dict[str, Tensor], key: str) -> Callable[..., None]:
    def hook(layer: nn.Module, given: tuple[Any, ...]) -> None:
        x = given[0].detach().to("cpu", torch.float64)
        if isinstance(layer, nn.Linear):
            x = x.movedim(-1, 0)
        else:
            weight = layer.weight
            assert isinstance(weight, Tensor)
            x = x.movedim(1 - weight.dim(), 0)
        total = x.reshape(x.shape[0], -1).square().sum(1)
        squares[key] = squares[key] + total if key in squares else total

    return hook


def _beside(weight: Tensor, norms: Tensor) -> Tensor:
    """The norms of the inputs of each weight: [out, in, 1 …], where a grouped convolution takes its share of them."""
    own, groups = weight.shape[1], len(norms) // weight.shape[1]
    by_group = norms.reshape(groups, own).repeat_interleave(weight.shape[0] // groups, 0)
    return by_group.reshape(*by_group.shape, *[1] * (weight.dim() - 2))


def within_rows(held: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores as places, from 0 to 1, among the weights of one output that are there: the weakest of each output go
    first, as many of one as of another.

    Sun et al. 2023, "A Simple and Effective Pruning Approach for Large Language Models", section 3.
    """
    ranks = {}
    for key, score in found.items():
        rows = torch.where(held[key] == 0, -1.0, score).flatten(1)
        order = torch.argsort(rows, dim=1, stable=True)
        place = torch.empty_like(rows).scatter_(1, order, torch.arange(rows.shape[1], dtype=rows.dtype).expand_as(rows))
        gone = (rows < 0).sum(1, keepdim=True)
        ranks[key] = ((place - gone) / (rows.shape[1] - gone).clamp(min=1)).reshape(score.shape)
    return ranks
