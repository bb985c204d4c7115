"""Rules one after the other, as one."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.signal.rules.base import Rule, Weights
from fanin.signal.state import Gradient, Signal


class Chain(Rule):
    """Each rule with the shape of what it gives."""

    def __init__(self, parts: Sequence[tuple[Rule, tuple[int, ...]]]) -> None:
        super().__init__()
        self.parts = list(parts)

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        self.between = [xs[0]]
        for rule, shape in self.parts:
            self.between += rule.forward([self.between[-1]], w, [shape])
        return [self.between[-1]]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g = gs[0]
        for i in reversed(range(len(self.parts))):
            (g, *_) = self.parts[i][0].backward([self.between[i]], [self.between[i + 1]], [g], w)
        return [g, *(None for _ in xs[1:])]
