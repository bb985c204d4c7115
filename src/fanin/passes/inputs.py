"""Inputs that a unit, a map or a class likes best: ascent in the input of a frozen network.

Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fanin.runtime.modes import in_evaluation


@dataclass(frozen=True, slots=True)
class Found:
    """An input [N, …], and what its objective was at each step and is in the end [steps + 1, N]."""

    x: Tensor
    curve: Tensor


def optimise_input(
    net: nn.Module,
    start: Tensor,
    objective: Callable[[Tensor], Tensor],
    *,
    steps: int = 100,
    rate: float = 0.1,
    norm: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> Found:
    """Steps of length ``rate`` up the gradient of ``objective(net(x))`` [N], for each row of ``start`` by itself.

    After each step a row is brought back to a 2-norm of at most ``norm`` and, number by number, into ``bounds``.
    The network runs in evaluation and its weights get no gradient. A hidden map is reached by a ``cut`` of the network.
    """
    x = _within(start.detach().clone(), norm, bounds)
    curve = []
    with in_evaluation(net):
        for step in range(steps + 1):
            x.requires_grad_(True)
            with torch.enable_grad():
                value = objective(net(x))
                if value.shape != x.shape[:1]:
                    raise ValueError(f"the objective is one number for each of {len(x)} rows, not {list(value.shape)}")
                (slope,) = torch.autograd.grad(value.sum(), x)
            curve.append(value.detach())
            x = x.detach()
            if step < steps:
                x = _within(x + rate * slope / _lengths(slope), norm, bounds)
    return Found(x, torch.stack(curve))


def _within(x: Tensor, norm: float | None, bounds: tuple[float, float] | None) -> Tensor:
    if bounds is not None:
        x = x.clamp(*bounds)
    if norm is not None:
        x = x * (norm / _lengths(x)).clamp(max=1)
    return x


def _lengths(x: Tensor) -> Tensor:
    """The 2-norm of each row, with as many axes as ``x``; never 0."""
    found: Tensor = x.flatten(1).norm(dim=1).clamp(min=1e-30)
    return found.reshape(-1, *[1] * (x.ndim - 1))
