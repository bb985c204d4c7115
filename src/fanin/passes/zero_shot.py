"""A classifier from two towers and the names of the classes: the text tower is folded into a linear head.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fanin.runtime.modes import in_evaluation


class ZeroShot(nn.Module):
    """``scale`` times the inner products of what the image tower sees with a fixed vector for each class."""

    def __init__(self, image: nn.Module, classes: Tensor, scale: float, normalise: bool) -> None:
        super().__init__()
        self.image, self.normalise = copy.deepcopy(image).eval().requires_grad_(False), normalise
        self.head = nn.Linear(
            classes.shape[1], classes.shape[0], bias=False, device=classes.device, dtype=classes.dtype
        )
        self.head.weight = nn.Parameter(scale * classes, requires_grad=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        seen: Tensor = self.image(*inputs)
        logits: Tensor = self.head(F.normalize(seen, dim=-1) if self.normalise else seen)
        return logits


def zero_shot(
    image: nn.Module, text: nn.Module, prompts: Tensor, *, scale: float = 1.0, normalise: bool = True
) -> ZeroShot:
    """Logits [N, K] of pictures for K classes, without training; the text tower is no longer needed.

    ``prompts`` [K, …] is what the text tower takes for each class («a photo of a cat»). ``normalise`` is whether the
    towers are compared by cosines, ``scale`` the inverse of the temperature they were trained with.
    Raises ValueError where the text tower does not give a vector for each class.
    """
    with in_evaluation(text), torch.no_grad():
        vectors = text(prompts)
    if vectors.ndim != 2:
        raise ValueError(f"the text tower gives {list(vectors.shape)}, and a vector [K, D] for each class is wanted")
    return ZeroShot(image, F.normalize(vectors, dim=-1) if normalise else vectors, scale, normalise)
