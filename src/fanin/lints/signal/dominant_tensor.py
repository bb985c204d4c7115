"""CST906: one tensor that takes more of the memory of a training step than all others together.

What the backward pass needs is kept (``analyses/memory.py``). Inputs and results, which are there anyway, are let pass.
At a half no other change of the network, and no checkpoint around other parts, can save as much as this tensor takes.
It is said from 1 MiB for a sample on: a thousand samples are a GiB. Open sizes are those that the analysis takes, and a
second time others: it has to hold at both, so that a size that nobody declared is not the reason.
Source: Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fanin.analyses.budget import batch_of
from fanin.analyses.memory import Memory, memory_of
from fanin.diagnostics.codes import CST906
from fanin.diagnostics.model import Diagnostic
from fanin.ir.dims import Symbol, evaluate
from fanin.ir.unknown import Unknown
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.source import Span

_LEAST = 2**20
LIMIT = Limit(
    CST906,
    0.5,
    "share of one tensor in what a step of training keeps for its backward pass",
    "all others together take less, so that nothing else can save as much",
)
LIMITS = (LIMIT,)


def check(net: Net) -> Iterator[Diagnostic]:
    memory = memory_of(net.program.graph)
    sizes, others = net.analysis.sizes, net.other_sizes
    if not memory.kept or isinstance(memory.saved, Unknown) or others is None:
        return
    batch = batch_of(net.program.graph)
    alone = {} if batch is None else {batch: 1}
    span, bytes_, share = _largest(memory, {**sizes, **alone})
    again = _largest(memory, {**others, **alone})
    if bytes_ < _LEAST or min(share, again[2]) <= net.limit(LIMIT) or again[0] != span:
        return
    mebibytes = f"{bytes_ / 2**20:,.1f} MiB"
    yield Diagnostic(
        CST906,
        f"one tensor is {share:.0%} of what a step of training keeps: {mebibytes} of {bytes_ / share / 2**20:,.1f}",
        span,
        f"{mebibytes}{' for each sample' if alone else ''} until the backward pass has read it",
        helps=("a block of what makes and reads it, used as `checkpoint(…)`, computes it again in the backward pass",),
    )


def _largest(memory: Memory, sizes: Mapping[Symbol, int]) -> tuple[Span, int, float]:
    """What made the largest tensor at these sizes, its bytes, and its share in all that is kept."""
    found = [(evaluate(kept.bytes, sizes) // max(evaluate(kept.times, sizes), 1), kept.span) for kept in memory.kept]
    bytes_, span = max(found, key=lambda item: item[0])
    assert not isinstance(memory.saved, Unknown)
    return span, bytes_, bytes_ / max(evaluate(memory.saved, sizes), 1)
