"""SIG163: a mean over so many unlike numbers that little of them is left.

The mean of k independent numbers has the deviation ``1 / sqrt(k)`` of one; what positions share stays. At 0.3 the
layer behind it gets a tenth of the variance it was drawn for: eleven positions that have nothing in common. Source:
Lin et al. 2013, "Network in network", section 3.2, where the mean stands in front of the output. There, in front of a
norm or a gate (squeeze and excitation), and at open sizes, it is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from fanin.diagnostics.codes import SIG163
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.lints.signal.residual import norm_behind
from fanin.signal.rules.convolution import MeanWindow
from fanin.signal.rules.reduce import Mean
from fanin.signal.tape import Edge

LEAST = Limit(
    SIG163,
    0.3,
    "standard deviation that a mean leaves (less is a finding)",
    "the layer behind it gets a tenth of the variance that it was drawn for",
)
LIMITS = (LEAST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for step in net.steps:
        rule = net.rule(step)
        if not isinstance(rule, MeanWindow) and (not isinstance(rule, Mean) or rule.total):
            continue
        x, y = net.signal(step.inputs[0]), net.signal(step.outputs[0])
        if x is None or y is None or x.variance <= 0:
            continue
        axes = rule.axes if isinstance(rule, Mean) else range(len(x.shape) - len(rule.windows), len(x.shape))
        left = sqrt(y.variance / x.variance)
        out = step.outputs[0]
        if left >= net.limit(LEAST) or not all(net.is_sure(step, axis) for axis in axes):
            continue
        if net.reaches(out, 1) or norm_behind(net, out) or _gates(net, out, 8):
            continue
        yield Diagnostic(
            SIG163,
            f"this mean leaves {left:.0%} of the standard deviation: its positions have little in common",
            step.span,
            f"{left:.2g} of it",
            helps=("a norm behind it, a pooling that takes the largest, or weights that attend to positions",),
        )


def _gates(net: Net, edge: Edge, most: int) -> bool:
    """Whether all that is made of a tensor ends in a product: it says how much of something else goes on."""
    readers = net.reads(edge)
    return bool(readers) and all(
        step.name == "mul" or (most > 0 and all(_gates(net, e, most - 1) for e in step.outputs)) for step in readers
    )
