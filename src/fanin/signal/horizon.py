"""How a gradient fades on its way back through a recurrence."""

from __future__ import annotations

from math import prod, sqrt

from fanin.signal import table
from fanin.signal.analysis import Analysis, known, weights_of
from fanin.signal.state import Gradient, Signal, add_gradients, gradient
from fanin.signal.tape import Loop

WINDOW = 8
"""Steps over which the factor is taken, at the end of what was gone through, where the state has settled."""


def fading(found: Analysis, loop: Loop) -> float | None:
    """By what the length of a gradient at the states is multiplied at one step back; None where nothing is known.

    A cotangent of mean square 1 at the last states alone is brought back, and nothing is added on the way. Steps are
    taken as independent, which for the length of a gradient holds in the limit of many units.
    """
    last = len(loop.states) - 1
    first = max(last - WINDOW, 0)
    if last - first < 2:
        return None
    parts: dict[int, list[Gradient]] = {}
    start = reached = 0.0
    for edge in dict.fromkeys(loop.states[last]):
        signal = known(found, edge)
        if not isinstance(signal, Signal):
            return None
        parts[id(edge)] = [gradient(table.white(signal.shape, 1.0))]
        start += prod(signal.shape)
    goals = set(loop.states[first])
    for step in reversed(found.tape.steps):
        gs: list[Gradient | None] = []
        for edge in step.outputs:
            gathered, signal = parts.get(id(edge)), known(found, edge)
            total = add_gradients(signal, gathered) if gathered and isinstance(signal, Signal) else None
            if total is not None and isinstance(signal, Signal) and edge in goals:
                reached += total.q * prod(signal.shape)
                total = None
            gs.append(total)
        rule = found.rules.get(id(step))
        if rule is None or all(g is None for g in gs):
            continue
        xs, ys = ([known(found, e) for e in edges] for edges in (step.inputs, step.outputs))
        back = rule.backward(xs, ys, gs, weights_of(step))  # type: ignore[arg-type]
        for source, g in zip(step.inputs, back, strict=False):
            if source is not None and g is not None and source.number is None:
                parts.setdefault(id(source), []).append(g)
    return float(sqrt(reached / start) ** (1 / (last - first))) if start > 0 else None
