"""Which weights stay, and how the others are held at zero while a network trains."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

Masks = Mapping[str, Tensor]
"""By the keys of parameters, bool tensors of their shapes: True stays."""

KEEPING = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""These take +0.0 to +0.0 where gradients and moments are +0.0: w - lr * 0 / (0 + eps)."""

WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of a number


class Holder:
    """Holds masked weights of a training at +0.0: after every update, and in the gradients before it.

    A mask is a bit pattern of all ones or all zeros, and the weights are taken ``and`` it: that is as fast as a
    product, and gives +0.0 for negative, infinite and undefined numbers too. After an update it is done only where
    the update itself may make something else of +0.0.
    """

    def __init__(self, system: nn.Module, masks: Masks) -> None:
        self.weights: list[tuple[Tensor, Tensor]]  # what is seen of a parameter as words, and its mask
        self.patterns: dict[int, Tensor] = {}  # by the id of the parameter
        for key, stays in masks.items():
            weight = system.get_parameter(key)
            kind = WORDS[weight.element_size()]
            pattern = torch.where(stays, -1, 0).to(weight.device, kind)
            self.patterns[id(weight)] = pattern
        self.system, self.keys = system, tuple(masks)
        self.look()

    def look(self) -> None:
        """Hold the weights where they are now."""
        self.weights = []
        for key in self.keys:
            weight = self.system.get_parameter(key)
            pattern = self.patterns[id(weight)]
            self.weights.append((weight.detach().view(pattern.dtype), pattern))

    def apply(self) -> None:
        """Set what is masked to +0.0, in place."""
        for words, pattern in self.weights:
            words.bitwise_and_(pattern)

    def attach(self, training: Any) -> None:
        """Hold the weights of a training from now on; its gradients and their norms are those of the masked network."""
        before, training.holder = training.gradients, self

        def gradients(loss: Tensor, weights: list[nn.Parameter]) -> list[Tensor | None]:
            found: list[Tensor | None] = before(loss, weights)
            for place, weight in enumerate(weights):
                slope, pattern = found[place], self.patterns.get(id(weight))
                if pattern is not None and slope is not None:
                    found[place] = slope = slope.contiguous()  # one number may stand for all
                    slope.view(pattern.dtype).bitwise_and_(pattern)
            return found

        training.gradients = gradients

        def updated(optimiser: torch.optim.Optimizer, *_: Any) -> None:
            if not keeps_zeros(optimiser):
                self.apply()

        at_risk = clipped(training)
        for number, optimiser in training.optimisers.items():
            self._forget(optimiser)
            optimiser.register_step_post_hook((lambda *_: self.apply()) if number in at_risk else updated)
        self.apply()

    def _forget(self, optimiser: torch.optim.Optimizer) -> None:
        """Set what an optimiser remembers of masked weights to +0.0."""
        for weight, moments in optimiser.state.items():
            pattern = self.patterns.get(id(weight))
            if pattern is None:
                continue
            for moment in moments.values():
                if like(moment, weight):
                    moment.masked_fill_(pattern.eq(0), 0.0)


def keeps_zeros(optimiser: torch.optim.Optimizer) -> bool:
    """Whether an update leaves +0.0 what is +0.0 with its gradients and moments, unless the gradients are `clipped`.

    A decay by more than all of a weight would give -0.0.
    """
    return type(optimiser) in KEEPING and all(
        isfinite(group["lr"])
        and 0 <= group["lr"] * group["weight_decay"] <= 1
        and group.get("eps", 1.0) > 1e-30
        and not group["maximize"]
        for group in optimiser.param_groups
    )


def like(value: Any, weight: Tensor) -> bool:
    """Whether this is of an optimiser's numbers for each entry of a weight."""
    return isinstance(value, Tensor) and value.shape == weight.shape


def clipped(training: Any) -> frozenset[int]:
    """The optimisers, by number, of lines with `clip`: an undefined norm makes all gradients undefined."""
    return frozenset(
        line.optimiser for stage in training.stages for line in stage.lines if getattr(line, "clip", None) is not None
    )


def masked(state: Mapping[str, Tensor], masks: Masks) -> dict[str, Tensor]:
    """Tensors by key with +0.0 for what does not stay; those given are left as they are."""
    return {
        key: tensor.masked_fill(~masks[key].to(tensor.device), 0.0) if key in masks else tensor
        for key, tensor in state.items()
    }


def packed(stays: Tensor) -> Tensor:
    """A mask as uint8[ceil(n / 8)], the first place in the lowest bit."""
    flat = stays.flatten().to(torch.uint8)
    flat = torch.nn.functional.pad(flat, (0, -len(flat) % 8)).reshape(-1, 8)
    return (flat << torch.arange(8, dtype=torch.uint8)).sum(1, dtype=torch.uint8)


def unpacked(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The mask that ``packed`` made smaller."""
    count = 1
    for size in shape:
        count *= size
    flat = (bits[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    return flat.flatten()[:count].to(torch.bool).reshape(shape)
