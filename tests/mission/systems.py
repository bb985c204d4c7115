"""Systems in strings, trained by the package's own front door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import fanin
from tests.mission.specs import spec_file


def begun(text: str, name: str | None = None, *, steps: int | None = None, seed: int = 0, **hyper: Any) -> Any:
    """A training in float64 at its start, to be taken step by step."""
    training = fanin.training(spec_file(text), name, steps=steps, seed=seed, **hyper)
    training.system.double()
    return training


def apart(one: nn.Module, other: nn.Module) -> float:
    """The largest difference between their parameters."""
    mine, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    assert mine.keys() == theirs.keys()
    with torch.no_grad():
        return max(float((mine[name] - theirs[name]).abs().max()) for name in mine)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers in float64 from a seed."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def descended(training: Any, *batch: Tensor) -> tuple[dict[str, float], dict[str, Tensor]]:
    """What a step measures, and how far it moved each weight down: with `sgd(lr=1.0)`, the gradients."""
    before = {name: w.detach().clone() for name, w in training.system.named_parameters()}
    told = {name: float(value) for name, value in training(*batch).items()}
    after = dict(training.system.named_parameters())
    return told, {name: w - after[name].detach() for name, w in before.items()}


def gap(moved: dict[str, Tensor], loss: Tensor, own: nn.Module) -> float:
    """The largest difference between gradients and those of a loss by hand."""
    parameters = dict(own.named_parameters())
    slopes = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    found = 0.0
    for name, slope in zip(parameters, slopes, strict=True):
        wanted = torch.zeros_like(moved[name]) if slope is None else slope
        found = max(found, float((moved[name] - wanted).abs().max()))
    return found
