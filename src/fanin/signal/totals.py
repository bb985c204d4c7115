"""What the signal analysis says of a network as a whole, as one number each."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.ir.unknown import Unknown
from fanin.signal.analysis import Analysis, analyse, known
from fanin.signal.sizes import sizes_for
from fanin.signal.state import Signal
from fanin.signal.tape import Edge


def total(program: Program, name: str) -> float | Unknown:
    """One of ``TOTALS``, in training, for white inputs of variance 1. Raises ValueError where no sizes are known."""
    sizes = sizes_for(program)
    if sizes is None:
        raise ValueError(f"no sizes were found at which `{program.name}` runs")
    return TOTALS[name](analyse(program, sizes))


def _gain(found: Analysis) -> float | Unknown:
    ends = _ends(found)
    if isinstance(ends, Unknown):
        return ends
    x, y = (known(found, edge) for edge in ends)
    assert isinstance(x, Signal) and isinstance(y, Signal)
    return sqrt(y.variance / x.variance) if x.variance > 0 else Unknown("its input does not vary")


def _jacobian(found: Analysis) -> float | Unknown:
    ends = _ends(found)
    if isinstance(ends, Unknown):
        return ends
    g = found.gradient(ends[0])
    if g is None:
        return Unknown("no gradient comes back to its input")
    sizes = [prod(n for n in edge.type.shape if isinstance(n, int)) for edge in ends]
    return sqrt(max(g.q, 0.0) * sizes[0] / sizes[1])


def _spread(found: Analysis) -> float | Unknown:
    ends = _ends(found)
    if isinstance(ends, Unknown):
        return ends
    y = known(found, ends[1])
    assert isinstance(y, Signal)
    return sqrt(max(y.noise, 0.0))


def _ends(found: Analysis) -> tuple[Edge, Edge] | Unknown:
    """The first input and the first result that are floats, both known."""
    inputs = [e for e in found.tape.inputs.values() if e.type.dtype is DType.FLOAT]
    outputs = [e for e in found.tape.outputs.values() if e.type.dtype is DType.FLOAT]
    if not inputs or not outputs:
        return Unknown("it has no input, or no result, of floats")
    for edge in (inputs[0], outputs[0]):
        signal = known(found, edge)
        if isinstance(signal, Unknown):
            return signal
        if signal is None:
            return Unknown("nothing is known of its results")
    return inputs[0], outputs[0]


TOTALS: dict[str, Callable[[Analysis], float | Unknown]] = {"gain": _gain, "jacobian": _jacobian, "spread": _spread}
"""``gain``: the standard deviation of the output over that of the input. ``jacobian``: the root mean square of the
singular values of the output's derivative in the input. ``spread``: the standard deviation, over draws of the weights,
of the logarithm of the output's squared length."""
