"""Inputs that a unit, a map or a class likes best: ascent in the input of a frozen network.

Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


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
    mode = [(module, module.training) for module in net.modules()]
    net.eval()
    x = _within(start.detach().clone(), norm, bounds)
    curve = []
    try:
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
                length = slope.flatten(1).norm(dim=1).clamp(min=1e-30).reshape(-1, *[1] * (x.ndim - 1))
                x = _within(x + rate * slope / length, norm, bounds)
    finally:
        for module, was in mode:
            module.training = was
    return Found(x, torch.stack(curve))


def _within(x: Tensor, norm: float | None, bounds: tuple[float, float] | None) -> Tensor:
    if bounds is not None:
        x = x.clamp(*bounds)
    if norm is not None:
        length = x.flatten(1).norm(dim=1).clamp(min=1e-30).reshape(-1, *[1] * (x.ndim - 1))
        x = x * (norm / length).clamp(max=1)
    return x
