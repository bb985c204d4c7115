"""Tensors along a new axis: stacked, or the results of an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np

from fanin.signal import table
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.rules.shape import Join
from fanin.signal.state import Gradient, Signal, gradient, make
from fanin.signal.table import AGREE
from fanin.signal.units import Meeting, Sent, Units


class Stacked(Rule):
    """Tensors along a new axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, xs: Any, w: Weights, shapes: Any) -> list[Signal]:
        ones = [x.changed(shape=(*x.shape[: self.axis], 1, *x.shape[self.axis :]), M=table.insert(x.M, self.axis),
                          R=table.insert(x.R, self.axis),
                          profile=(*x.profile[: self.axis], None, *x.profile[self.axis :])) for x in xs]  # fmt: skip
        self.inner = Join(self.axis)
        self.ones = ones
        return self.inner.forward(ones, w, [(*shapes[0][: self.axis], len(ones), *shapes[0][self.axis + 1 :])])

    def backward(self, xs: Any, ys: Any, gs: Any, w: Weights) -> list[Gradient | None]:
        parts = self.inner.backward(self.ones, ys, gs, w)
        return [None if p is None else gradient(np.take(p.G, AGREE, axis=self.axis)) for p in parts]

    def drawn(self, xs: Any, w: Weights, shapes: Any, at: Meeting) -> list[Units]:
        if self.axis == len(shapes[0]) - 1:
            raise Cannot("it stacks along the last axis")
        # Of a recurrence that is cut short the steps that are followed stand for all.
        columns = zip(*([v for _, v in x.pieces] for x in xs), strict=True)
        return [xs[0].like([np.stack(vs, axis=self.axis) for vs in columns], shapes[0])]

    def drawn_back(self, xs: Any, ys: Any, gs: Any, w: Weights, at: Meeting) -> list[Units | Sent | Gradient | None]:
        g = gs[0]
        if g is None:
            return [None for _ in xs]
        return [x.like([np.take(v, i, axis=self.axis) for _, v in g.pieces]) for i, x in enumerate(xs)]


class Copies(Rule):
    """An ensemble's results: independent copies of one law along a new first axis."""

    def forward(self, xs: Any, w: Weights, shapes: Any) -> list[Signal]:
        (x,) = xs
        other = np.full_like(x.M, x.mean**2)
        M = np.stack([other, x.M], axis=0)
        return [make(shapes[0], table.tidy(M, shapes[0]), x.psi, bases=x.bases, noise=x.noise, approx=x.approx)]

    def backward(self, xs: Any, ys: Any, gs: Any, w: Weights) -> list[Gradient | None]:
        g = gs[0]
        return [None if g is None else gradient(np.take(table.plain(g.G, 0, ys[0].shape[0]), AGREE, axis=0))]
