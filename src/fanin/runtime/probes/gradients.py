"""Gradients held to differences: whether what comes back through a network is the derivative of what went forwards."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from fanin.record import record
from fanin.runtime.probes.modes import evaluating, floats


@record
class Gradient:
    """A weight, or an input (``input 0``), along a random direction: the derivative of a random sum of the outputs."""

    path: str
    analytic: float
    numeric: float

    @property
    def error(self) -> float:
        """Their difference over the larger of them, or over 1."""
        return abs(self.analytic - self.numeric) / max(abs(self.analytic), abs(self.numeric), 1.0)


def gradients(net: nn.Module, *inputs: Tensor, step: float = 1e-6, seed: int = 0) -> list[Gradient]:
    """Check the gradient of every trainable weight and float input of a copy of a network, in float64.

    Each is moved by ``step`` along a random direction of unit length, both ways. The network runs as in evaluation,
    with the same noise each time. At a kink (of a relu at 0) the two differ, and neither is wrong.
    """
    own = copy.deepcopy(net).double()
    generator = torch.Generator().manual_seed(seed)
    given = [
        t.detach().double().clone().requires_grad_() if t.is_floating_point() else t.detach().clone() for t in inputs
    ]
    moved = [(f"input {i}", t) for i, t in enumerate(given) if t.requires_grad]
    moved += [(path, p) for path, p in own.named_parameters() if p.requires_grad]
    with evaluating(own):
        shapes = [t.shape for t in _run(own, given)]
        if not shapes:
            raise ValueError("the network gives no floats")
        signs = [torch.randn(s, generator=generator, dtype=torch.double) for s in shapes]

        def total() -> Tensor:
            return torch.stack([(s.to(t) * t).sum() for s, t in zip(signs, _run(own, given), strict=True)]).sum()

        value = total()
        leaves = [t for _, t in moved]
        slopes = (
            torch.autograd.grad(value, leaves, materialize_grads=True)
            if value.requires_grad
            else [torch.zeros_like(t) for t in leaves]
        )
        found = []
        with torch.no_grad():
            for (path, tensor), slope in zip(moved, slopes, strict=True):
                direction = torch.randn(tensor.shape, generator=generator, dtype=torch.double).to(tensor)
                direction /= direction.norm()
                start = tensor.clone()
                tensor.copy_(start + step * direction)
                ahead = total()
                tensor.copy_(start - step * direction)
                behind = total()
                tensor.copy_(start)
                numeric = float((ahead - behind) / (2 * step))
                found.append(Gradient(path, float((slope * direction).sum()), numeric))
    return found


def _run(net: nn.Module, given: list[Tensor]) -> list[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return floats(net(*given))
