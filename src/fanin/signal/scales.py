"""The variance that each layer's weights need, so that what it gives has a second moment of 1."""

from __future__ import annotations

from collections.abc import Mapping

from fanin.ir.dims import Symbol
from fanin.ir.graph import Graph, Program
from fanin.ir.laws import Auto
from fanin.signal.analysis import start_of, step_forward, weights_of
from fanin.signal.state import Signal
from fanin.signal.tape import Step


def needed_scales(program: Program, sizes: Mapping[Symbol, int]) -> dict[tuple[Graph, str], float]:
    """For each layer that starts by ``auto``, by the graph that holds it and its path there, the variance it needs.

    What stands at several places gets the mean over them; the others are worked out once more with that.
    """
    first = _scales(program, sizes, {})
    several = {place: sum(found) / len(found) for place, found in first.items() if len(found) > 1}
    alone = _scales(program, sizes, several) if several else first
    return several | {place: found[0] for place, found in alone.items()}


def _scales(
    program: Program, sizes: Mapping[Symbol, int], given: Mapping[tuple[Graph, str], float]
) -> dict[tuple[Graph, str], list[float]]:
    """A variance for each use of a layer that none is given for."""
    found = start_of(program, sizes)
    scales: dict[tuple[Graph, str], list[float]] = {}
    for step in found.tape.steps:
        wanted = [t for t in step.weights.values() if isinstance(t.law, Auto)]
        if not wanted:
            step_forward(found, step)
            continue
        for tensor in wanted:
            if tensor.home is not None and (tensor.home, tensor.local) in given:
                found.chosen[tensor.key] = given[tensor.home, tensor.local]
        known = next((found.chosen[t.key] for t in wanted if t.key in found.chosen), None)
        for tensor in wanted:
            found.chosen.setdefault(tensor.key, 1.0)
        step_forward(found, step)
        y = found.signals.get(id(step.outputs[0]))
        if known is not None or not isinstance(y, Signal):
            continue
        bias = _bias(step)
        variance = max(1.0 - bias, 0.0) / max(y.q - bias, 1e-300) if y.q > bias else 1.0
        for tensor in wanted:
            found.chosen[tensor.key] = variance
            if tensor.home is not None:
                scales.setdefault((tensor.home, tensor.local), []).append(variance)
        step_forward(found, step)
    return scales


def _bias(step: Step) -> float:
    """The second moment of the bias."""
    laws = weights_of(step)
    return laws.mean("bias") ** 2 + laws.var("bias")
