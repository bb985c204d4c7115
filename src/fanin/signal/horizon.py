"""How a gradient fades on its way back through a recurrence."""

from __future__ import annotations

from math import lgamma, log, prod, sqrt

import numpy as np

from fanin.signal import table
from fanin.signal.analysis import Analysis, known, weights_of
from fanin.signal.rules.base import Weights
from fanin.signal.state import Gradient, Signal, add_gradients, gradient
from fanin.signal.tape import Loop

WINDOW = 8
"""Steps over which the factor is taken, at the end of what was gone through, where the state has settled."""


def fading(found: Analysis, loop: Loop, steps: int) -> float | None:
    """What is left of the length of a gradient at the states so many steps back; None where nothing is known.

    A step takes a gradient back by its gates, with a factor d, and through the weights of the state, which by
    themselves multiply its square by chi. The weights are the same at every step, so that the ways with j passes
    through them, of which there are (steps over j), add up as lengths and not as squares: the square of what is left
    is the sum over j of ``binomial(steps, j)^2 d^(2 (steps - j)) chi^j``, which goes as ``(d + sqrt(chi))^(2 steps)``,
    the edge of the disc of eigenvalues around d (Girko 1985).
    """
    whole, direct = _factor(found, loop, weights=True), _factor(found, loop, weights=False)
    if whole is None or direct is None:
        return None
    chi = max(whole**2 - direct**2, 0.0)
    if min(chi, direct) < 1e-12:
        return float(whole**steps)
    j = np.arange(steps + 1)
    ways = np.array([lgamma(steps + 1) - lgamma(k + 1) - lgamma(steps - k + 1) for k in j])
    logs = 2 * ways + 2 * (steps - j) * log(direct) + j * log(chi)
    top = float(logs.max())
    return float(np.exp((top + np.log(np.exp(logs - top).sum())) / 2))


def _factor(found: Analysis, loop: Loop, *, weights: bool) -> float | None:
    """By what the length is multiplied at one step, if steps had weights of their own; or by gates alone.

    A cotangent of mean square 1 at the last states alone is brought back, and nothing is added on the way.
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
        w = weights_of(step) if weights else Weights({}, {})
        back = rule.backward(xs, ys, gs, w)  # type: ignore[arg-type]
        for source, g in zip(step.inputs, back, strict=False):
            if source is not None and g is not None and source.number is None:
                parts.setdefault(id(source), []).append(g)
    return float(sqrt(max(reached, 0.0) / start) ** (1 / (last - first))) if start > 0 else None
