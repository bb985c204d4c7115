"""Cells of recurrent networks, put together from dense layers, gates and products.

The weights are the same at every step. ``signal/recurrence.py`` follows what that does; where it cannot, steps are
taken one by one, what those before have to do with the weights of this one is left out, and the analysis says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fanin.signal.grid import Array
from fanin.signal.rules.base import Rule, Weights, joined_notes
from fanin.signal.rules.linear import Dense
from fanin.signal.rules.pointwise import Curve, Product, Sum
from fanin.signal.state import Gradient, Signal

NOTE = "steps of a recurrence are taken as independent"


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


class _Trace:
    """Rules applied by name, so that they can be gone back through in the opposite order."""

    def __init__(self, w: Weights) -> None:
        self.w = w
        self.steps: list[tuple[Rule, list[str], str, Weights]] = []
        self.values: dict[str, Signal] = {}

    def put(self, name: str, rule: Rule, *inputs: str, weights: Weights | None = None, shape: tuple[int, ...]) -> None:
        w = weights or self.w
        (self.values[name],) = rule.forward([self.values[i] for i in inputs], w, [shape])
        self.steps.append((rule, list(inputs), name, w))

    def direct(self) -> _Trace:
        """The same with no way back through weights."""
        found = _Trace(self.w)
        found.values = self.values
        found.steps = [(rule, inputs, name, Weights({}, {})) for rule, inputs, name, _ in self.steps]
        return found

    def back(self, grads: dict[str, Gradient | None]) -> dict[str, Gradient | None]:
        from fanin.signal.state import add_gradients

        parts: dict[str, list[Gradient]] = {k: [g] for k, g in grads.items() if g is not None}
        for rule, inputs, name, w in reversed(self.steps):
            gathered = parts.get(name)
            if not gathered:
                continue
            total = add_gradients(self.values[name], gathered)
            found = rule.backward([self.values[i] for i in inputs], [self.values[name]], [total], w)
            for i, g in zip(inputs, found, strict=True):
                if g is not None:
                    parts.setdefault(i, []).append(g)
        return {k: add_gradients(self.values[k], v) for k, v in parts.items() if k in self.values}


class Cell(Rule):
    """``rnn``, ``lstm`` or ``gru``: the outputs are (y, h) or (y, h, c), with y the new h.

    Without laws of weights, gradients go back by the gates alone.
    """

    def __init__(self, kind: str, activation: str = "tanh") -> None:
        super().__init__()
        self.kind, self.activation = kind, activation

    def forward(self, xs: Sequence[Signal], w: Weights, shapes: Sequence[tuple[int, ...]]) -> list[Signal]:
        t = self.trace = _Trace(w)
        shape = shapes[0]
        names = ("x", "h", "c")[: len(xs)]
        t.values |= dict(zip(names, xs, strict=True))
        into = Weights({"weight": w.laws["weight_ih"], "bias": w.laws.get("bias_ih", (0, 0))}, {})
        over = Weights({"weight": w.laws["weight_hh"], "bias": w.laws.get("bias_hh", (0, 0))}, {})
        act = Curve(np.tanh) if self.activation == "tanh" else Curve(lambda v: np.maximum(v, 0.0))
        self.dense: list[tuple[str, Rule]] = []

        def gate(name: str, curve: Rule | None = None) -> None:
            for part, source, weights in (("x", "x", into), ("h", "h", over)):
                rule = Dense()
                self.dense.append((part, rule))
                t.put(f"{name}_{part}", rule, source, weights=weights, shape=shape)
            if curve is not None:
                t.put(f"{name}_sum", Sum(), f"{name}_x", f"{name}_h", shape=shape)
                t.put(name, curve, f"{name}_sum", shape=shape)

        if self.kind == "rnn":
            gate("y", act)
            out = [t.values["y"]] * 2
        elif self.kind == "lstm":
            gate("i", Curve(sigmoid))
            gate("f", Curve(sigmoid))
            gate("g", act)
            gate("o", Curve(sigmoid))
            t.put("kept", Product(), "f", "c", shape=shape)
            t.put("new", Product(), "i", "g", shape=shape)
            t.put("cell", Sum(), "kept", "new", shape=shape)
            t.put("seen", Curve(np.tanh), "cell", shape=shape)
            t.put("y", Product(), "o", "seen", shape=shape)
            out = [t.values["y"], t.values["y"], t.values["cell"]]
        else:
            gate("r", Curve(sigmoid))
            gate("z", Curve(sigmoid))
            gate("n")
            t.put("reset", Product(), "r", "n_h", shape=shape)
            t.put("n_sum", Sum(), "n_x", "reset", shape=shape)
            t.put("n", Curve(np.tanh), "n_sum", shape=shape)
            t.put("rest", Curve(lambda v: 1 - v), "z", shape=shape)
            t.put("new", Product(), "rest", "n", shape=shape)
            t.put("kept", Product(), "z", "h", shape=shape)
            t.put("y", Sum(), "new", "kept", shape=shape)
            out = [t.values["y"]] * 2
        notes = joined_notes(xs)
        notes += () if NOTE in notes else (NOTE,)
        return [o.changed(approx=notes) for o in out]

    def backward(
        self, xs: Sequence[Signal], ys: Sequence[Signal], gs: Sequence[Gradient | None], w: Weights
    ) -> list[Gradient | None]:
        from fanin.signal.state import add_gradients

        at_y = [g for g in gs[:2] if g is not None]
        found = (self.trace if w.laws else self.trace.direct()).back(
            {
                "y": add_gradients(self.trace.values["y"], at_y) if at_y else None,
                "cell": gs[2] if len(gs) > 2 else None,
            }
        )
        for part, rule in self.dense:
            ending = "ih" if part == "x" else "hh"
            for name in ("weight", "bias"):
                key = f"{name}_{ending}"
                self.norms[key] = self.norms.get(key, 0.0) + rule.norms.get(name, 0.0)
        return [found.get(name) for name in ("x", "h", "c")[: len(xs)]]
