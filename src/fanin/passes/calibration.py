"""Probabilities that match frequencies: one temperature behind a frozen network.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fanin.runtime.modes import in_evaluation


class Calibrated(nn.Module):
    """A frozen network whose logits are divided by ``temperature``. The largest stays the largest."""

    temperature: Tensor

    def __init__(self, net: nn.Module, temperature: float, before: Errors, after: Errors) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float64))
        self.before, self.after = before, after

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.net(*inputs)
        return logits / self.temperature.to(logits.dtype)


@dataclass(frozen=True, slots=True)
class Errors:
    """How far probabilities are off: ``nll`` the mean of -log p(label), ``ece`` the expected calibration error."""

    nll: float
    ece: float


def calibrate(net: nn.Module, inputs: Tensor | tuple[Tensor, ...], label: Tensor) -> Calibrated:
    """The network with the temperature that has the least negative log-likelihood on held-out rows.

    The network gives logits [N, K]; ``label`` is int[N]. It is run in evaluation, without gradient, and not changed.
    Raises ValueError where no temperature is best: every row is classified right, or the logits know nothing of them.
    """
    with in_evaluation(net), torch.no_grad():
        logits = net(*(inputs if isinstance(inputs, tuple) else (inputs,))).double()
    if logits.ndim != 2 or len(logits) != len(label):
        raise ValueError(
            f"logits [N, K] are wanted for {len(label)} labels, and the network gives {list(logits.shape)}"
        )
    temperature = _fitted(logits, label)
    return Calibrated(net, temperature, _errors(logits, label), _errors(logits / temperature, label))


def _fitted(logits: Tensor, label: Tensor) -> float:
    """The temperature, by bisection: NLL is convex in b = 1/T, with slope E_p[z] - z_label."""
    right = logits.gather(1, label[:, None])[:, 0]

    def slope(b: float) -> float:
        return float(((b * logits).softmax(1) * logits).sum(1).sub(right).mean())

    if bool((right >= logits.max(1).values).all()):
        raise ValueError("every row is classified right, so that the best temperature is 0; take other rows")
    low, high = 0.0, 1.0
    if slope(low) >= 0:
        raise ValueError("the logits say no more about these labels than chance: no temperature makes them useful")
    while slope(high) < 0:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _errors(logits: Tensor, label: Tensor, bins: int = 15) -> Errors:
    """The ECE is over so many bins of equal width of the confidence."""
    confidence, said = logits.softmax(1).max(1)
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    off = torch.zeros(bins, dtype=torch.float64, device=logits.device)
    off.index_add_(0, place, (said == label).double() - confidence)
    return Errors(float(F.cross_entropy(logits, label)), float(off.abs().sum() / len(label)))
