"""Rules one after the other, as one."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.signal.rules.base import Rule, Weights
from fanin.signal.rules.pointwise import Product, Sum
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


class Scaled(Rule):
    """What a rule gives, times a tensor and plus another: a normalisation with scale and shift as tensors."""

    def __init__(self, inner: Rule) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        self.times, self.plus = Product(), Sum()
        (self.plain,) = self.inner.forward(xs[:1], w, shapes)
        (self.scaled,) = self.times.forward([self.plain, xs[1]], w, shapes) if len(xs) > 1 else (self.plain,)
        return self.plus.forward([self.scaled, xs[2]], w, shapes) if len(xs) > 2 else [self.scaled]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g, shift, scale = gs[0], None, None
        if len(xs) > 2:
            g, shift = self.plus.backward([self.scaled, xs[2]], ys, [g], w)
        if len(xs) > 1:
            g, scale = self.times.backward([self.plain, xs[1]], [self.scaled], [g], w)
        (g,) = self.inner.backward(xs[:1], [self.plain], [g], w)
        return [g, scale, shift][: len(xs)]


class Shifted(Rule):
    """A product with a tensor of weights, and a bias that is a tensor."""

    def __init__(self, inner: Rule) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        self.plus = Sum()
        (self.product,) = self.inner.forward(xs[:2], w, shapes)
        return self.plus.forward([self.product, xs[2]], w, shapes)

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        g, shift = self.plus.backward([self.product, xs[2]], ys, gs, w)
        return [*self.inner.backward(xs[:2], [self.product], [g], w), shift]
