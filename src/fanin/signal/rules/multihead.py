"""PyTorch's module for attention with several heads, put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.signal.rules.base import Rule, Weights
from fanin.signal.rules.linear import Dense
from fanin.signal.rules.shape import Permute, Reshape
from fanin.signal.rules.softmax import Attention
from fanin.signal.state import Gradient, Signal


class Multihead(Rule):
    """Queries, keys and values by dense layers, attention in every head, and a dense layer over what they give."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        three = [*xs, *([xs[-1]] * (3 - len(xs)))]
        if len(xs) == 1:
            three = [xs[0]] * 3
        self.sources = [i if i < len(xs) else len(xs) - 1 for i in range(3)]
        d = shapes[0][-1]
        bias = w.laws.get("in_proj_bias", (0.0, 0.0))
        self.into = []
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            self.into.append(
                Weights({"weight": w.laws.get(name, w.laws.get("in_proj_weight", (0.0, 0.0))), "bias": bias}, {})
            )
        self.out = Weights({"weight": w.laws["out_proj.weight"], "bias": w.laws.get("out_proj.bias", (0.0, 0.0))}, {})
        self.parts: list[list[Rule]] = []
        self.mid: list[list[Signal]] = []
        heads: list[Signal] = []
        for x, weights in zip(three, self.into, strict=True):
            n, t = x.shape[0], x.shape[1]
            rules: list[Rule] = [Dense(), Reshape(), Permute((0, 2, 1, 3))]
            sizes = [(n, t, d), (n, t, self.heads, d // self.heads), (n, self.heads, t, d // self.heads)]
            values = [x]
            for rule, shape in zip(rules, sizes, strict=True):
                values += rule.forward([values[-1]], weights, [shape])
            self.parts.append(rules)
            self.mid.append(values)
            heads.append(values[-1])
        self.attention = Attention(None, False)
        (self.mixed,) = self.attention.forward(heads, w, [heads[0].shape])
        n, t = shapes[0][0], shapes[0][1]
        self.tail: list[Rule] = [Permute((0, 2, 1, 3)), Reshape(), Dense()]
        self.after = [self.mixed]
        for rule, shape in zip(self.tail, [(n, t, self.heads, d // self.heads), (n, t, d), (n, t, d)], strict=True):
            self.after += rule.forward([self.after[-1]], self.out, [shape])
        return [self.after[-1]]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        from fanin.signal.state import add_gradients

        g = gs[0]
        for i in reversed(range(3)):
            (g,) = self.tail[i].backward([self.after[i]], [self.after[i + 1]], [g], self.out)
        self.norms |= {f"out_proj.{k}": v for k, v in self.tail[2].norms.items()}
        back = self.attention.backward([m[-1] for m in self.mid], [self.mixed], [g], w)
        found: list[list[Gradient]] = [[] for _ in xs]
        for k, part in enumerate(back):
            for i in reversed(range(3)):
                (part,) = self.parts[k][i].backward([self.mid[k][i]], [self.mid[k][i + 1]], [part], self.into[k])
            for name, value in self.parts[k][0].norms.items():
                key = f"in_proj_{name}"
                self.norms[key] = self.norms.get(key, 0.0) + value
                self.norms[f"{'qkv'[k]}_proj_{name}"] = value
            if part is not None:
                found[self.sources[k]].append(part)
        return [add_gradients(x, parts) if parts else None for x, parts in zip(xs, found, strict=True)]
