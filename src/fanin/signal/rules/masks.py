"""Choices by a mask: which entries it takes is not known, unless it leaves the scores of some positions out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal import table
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.state import Gradient, Signal, make


class Masked(Rule):
    """``where(mask, x, y)`` and ``masked_fill(x, mask, y)`` with a very low number: what softmax does not see.

    A square mask over the last two axes is taken to be causal, another to leave nothing out. A mask that is the same
    everywhere takes one of the two. ``mask`` is its place among the inputs.
    """

    takes_whole = True

    def __init__(self, mask: int) -> None:
        super().__init__()
        self.mask = mask
        self.kept = 0

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        tensors = [(i, x) for i, x in enumerate(xs) if x is not None and i != self.mask]
        mask = xs[self.mask]
        if mask is not None and mask.is_constant and len(tensors) == 2:
            holds = bool(mask.psi[0]) is (
                self.mask == 0
            )  # `where` takes its first tensor there, `masked_fill` its last
            self.kept, x = tensors[0 if holds else 1]
            if x.shape == shapes[0]:
                return [x]
        if all(x.is_constant for _, x in tensors) and len(tensors) == 2:  # what is added to scores
            top = max((x for _, x in tensors), key=lambda x: float(x.psi[0]))
            if min(float(x.psi[0]) for _, x in tensors) <= -1e4:
                return [make(shapes[0], table.constant(shapes[0], float(top.psi[0])), mean=float(top.psi[0])).changed(
                    masked=shapes[0][-2:-1] == shapes[0][-1:])]  # fmt: skip
        low = [i for i, x in tensors if x.is_constant and (not np.isfinite(x.psi[0]) or x.psi[0] <= -1e4)]
        rest = [(i, x) for i, x in tensors if i not in low]
        if not low or len(rest) != 1 or rest[0][1].shape != shapes[0]:
            raise Cannot("which entries a mask takes is not known")
        self.kept, x = rest[0]
        square = len(x.shape) >= 2 and x.shape[-1] == x.shape[-2]
        return [x.changed(masked=square, approx=(*x.approx, *(() if square else ("a mask is left out",))))]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        return [gs[0] if i == self.kept else None for i in range(len(xs))]
