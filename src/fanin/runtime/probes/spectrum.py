"""Which frequencies of a target a network has learned, and when."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fanin.record import record


@record(eq=False, frozen=False)
class Spectrum:
    """The share of each frequency of a target that an output has, step by step.

    ``target`` ``[M]`` is on an even grid over one period (the end left out); a frequency is a number of waves on it.
    """

    target: Tensor
    frequencies: tuple[int, ...]
    steps: list[int]
    shares: list[tuple[float, ...]]

    def record(self, step: int, output: Tensor) -> tuple[float, ...]:
        """Remember an output on the same grid. The share is the part of the target's wave that it has, in phase."""
        wanted, found = _waves(self.target), _waves(output.detach().flatten())
        share = [float((found[k] * wanted[k].conj()).real / wanted[k].abs().square()) for k in self.frequencies]
        self.steps.append(step)
        self.shares.append(tuple(share))
        return self.shares[-1]

    def reached(self, share: float = 0.9) -> dict[int, int | None]:
        """The first step, of those recorded, at which each frequency has that share; None for not yet."""
        rows = list(zip(self.steps, self.shares, strict=True))
        return {k: next((step for step, row in rows if row[i] >= share), None) for i, k in enumerate(self.frequencies)}


def spectrum(target: Tensor, frequencies: Sequence[int] | None = None) -> Spectrum:
    """A recorder for a target; without ``frequencies``, of those that hold a hundredth of its largest amplitude."""
    flat = target.detach().flatten()
    sizes = _waves(flat).abs()
    sizes[0] = 0.0
    chosen = [int(k) for k in (sizes > 0.01 * sizes.max()).nonzero().flatten()] if frequencies is None else frequencies
    if not chosen or any(not 0 < k < len(sizes) or not sizes[k] > 0 for k in chosen):
        raise ValueError("the target has no waves of these frequencies")
    return Spectrum(flat, tuple(chosen), [], [])


def _waves(values: Tensor) -> Tensor:
    return torch.as_tensor(torch.fft.rfft(values.double()))
