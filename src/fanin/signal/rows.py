"""What an analysis found, place by place, as numbers that a reader wants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod, sqrt

from fanin.ir.types import DType
from fanin.ir.unknown import Unknown
from fanin.signal import table
from fanin.signal.analysis import Analysis, known
from fanin.signal.state import Signal
from fanin.signal.table import AGREE
from fanin.signal.tape import Edge


@dataclass(frozen=True)
class Row:
    """What is known at one place of a network, at initialisation.

    ``mean`` and ``std`` are those of an entry, ``rms`` the root of its second moment; ``grad_std`` is the standard
    deviation of the gradient there, for a random cotangent of 1 at the outputs. ``alike`` is the correlation between
    two positions of one sample, ``collapse`` the cosine between two samples. ``spread`` is the standard deviation, over
    draws of the weights, of the logarithm of the squared length (Hanin 2018). A number is None, and ``why`` says the
    reason, where it cannot be told; ``approx`` says what was taken to hold that need not. ``weights`` are the keys of
    the parameters used here, each with the root mean square of its gradient.
    """

    path: str
    op: str
    shape: tuple[int, ...]
    mean: float | None = None
    std: float | None = None
    rms: float | None = None
    grad_std: float | None = None
    alike: float | None = None
    collapse: float | None = None
    spread: float | None = None
    why: str = ""
    approx: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    module: bool = False
    """Whether a module stands here, so that ``path`` is one of ``named_modules``."""
    use: int = 0
    """How many times the module was used before."""


def rows(found: Analysis) -> list[Row]:
    """A row for each input, and for each op that gives floats, in the order in which they run."""
    out = [
        _row(found, edge, name, "input", (), False)
        for name, edge in found.tape.inputs.items()
        if edge.type.dtype is DType.FLOAT
    ]
    used: dict[str, int] = {}
    for step in found.tape.steps:
        edge = step.outputs[0]
        if isinstance(step.op, str) or edge.type.dtype is not DType.FLOAT:
            continue
        norms = tuple(
            (t.key, sqrt(max(found.weight_norms[t.key], 0.0) / max(prod(t.shape), 1)))
            for t in step.weights.values()
            if t.key in found.weight_norms
        )
        path = step.path if step.module else edge.label or step.path
        row = _row(found, edge, path, step.name, norms, step.module)
        if step.module:
            use = used[path] = used.get(path, -1) + 1
            row = replace(row, use=use)
        out.append(row)
    return out


def _row(found: Analysis, edge: Edge, path: str, op: str, norms: tuple[tuple[str, float], ...], module: bool) -> Row:
    shape, signal, g = tuple(n for n in edge.type.shape if isinstance(n, int)), known(found, edge), found.gradient(edge)
    if not isinstance(signal, Signal):
        why = signal.why if isinstance(signal, Unknown) else ""
        return Row(path, op, shape, why=why, weights=norms, module=module)
    grad = None if g is None else sqrt(max(g.q, 0.0))
    alike, collapse = correlations(signal)
    return Row(
        path, op, shape, signal.mean, sqrt(signal.variance), sqrt(max(signal.q, 0.0)), grad, alike, collapse,
        sqrt(max(signal.noise, 0.0)), "", signal.approx, norms, module,
    )  # fmt: skip


def correlations(x: Signal) -> tuple[float | None, float | None]:
    """Between two positions of one sample and channel, and between two samples."""
    rank = len(x.shape)
    if rank < 2 or x.variance <= 1e-12 * max(x.q, 1e-300):
        return None, None
    m2 = x.mean**2
    channel = 1 if rank >= 4 else rank - 1
    positions = [i for i in range(1, rank) if i != channel]
    alike = None
    if positions and any(x.shape[i] > 1 for i in positions):
        index = [table.DIFFER if i in positions else AGREE for i in range(rank)]
        alike = (float(x.M[tuple(index)]) - m2) / x.variance
    other = [AGREE] * rank
    for i in [0, *positions]:
        other[i] = table.DIFFER
    collapse = (float(x.M[tuple(other)])) / x.q if x.shape[0] > 1 else None
    return alike, collapse
