"""Tensors that are made."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.signal import table
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.state import Gradient, Signal, make
from fanin.signal.units import Meeting, Sent, Units, constant


class Spread(Rule):
    """Numbers in equal steps from one to another: which, the position says."""

    def __init__(self, start: float, end: float) -> None:
        super().__init__()
        self.start, self.end = start, end

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        from fanin.signal.grid import LEVELS, mean, square

        psi = self.start + (self.end - self.start) * LEVELS
        return [make(s, table.white(s, square(psi), mean(psi)), psi) for s in shapes]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        return [None for _ in xs]


class Filled(Rule):
    """Every entry one number, or drawn independently with this mean and variance."""

    def __init__(self, mean: float, variance: float = 0.0) -> None:
        super().__init__()
        self.mean, self.variance = mean, variance

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        q = self.mean**2 + self.variance
        return [make(s, table.white(s, q, self.mean), mean=self.mean) for s in shapes]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        return [None for _ in xs]

    def drawn(self, xs: Sequence[Units], w: Weights, shapes: Sequence[tuple[int, ...]], at: Meeting) -> list[Units]:
        if self.variance:
            raise Cannot("noise is drawn")
        return [constant(s, self.mean) for s in shapes]

    def drawn_back(
        self, xs: Sequence[Units], ys: Sequence[Units], gs: Sequence[Units | None], w: Weights, at: Meeting
    ) -> list[Units | Sent | Gradient | None]:
        return [None for _ in xs]
