"""SIG150: a weight of 0 behind a weight of 0, so that neither ever moves.

The gradient of each carries the other as a factor. One zero is a branch closed at the start (ReZero, Fixup, SkipInit),
which opens with the first step; two in a row stay shut.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.diagnostics.codes import SIG150
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.signal.analysis import weights_of
from fanin.signal.tape import Step


def check(net: Net) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in net.steps:
        if step.name != "mul" or step.span.start in seen:
            continue
        scale, branch = None, None
        for edge, other in (step.inputs, step.inputs[::-1]):
            if edge is not None and edge.state is not None and edge.state.kind == "param" and other is not None:
                value = net.signal(edge)
                if value is not None and value.is_constant and value.q == 0:
                    scale, branch = edge, other
        if scale is None or branch is None:
            continue
        maker = _weighted(net, net.maker(branch))
        if maker is None:
            continue
        laws = weights_of(maker)
        if laws.var("weight") == 0 and laws.mean("weight") == 0 and laws.mean("bias") == 0:
            seen.add(step.span.start)
            assert scale.state is not None
            yield Diagnostic(
                SIG150,
                f"`{scale.state.key}` and the weight of `{maker.path}` both start as 0: neither has a gradient",
                step.span,
                f"0 times 0, {prod(maker.weights['weight'].shape):,} weights that never move",
                helps=("let one of them start as something else",),
            )


def _weighted(net: Net, step: Step | None) -> Step | None:
    """The weighted layer behind dropout and the like."""
    while step is not None and not step.weights and step.name in ("dropout", "stochastic_depth", "identity"):
        step = net.maker(step.inputs[0])
    return step if step is not None and "weight" in step.weights else None
