"""SIG162: a convolution most of whose taps read the zeros around a small map.

On a map of 2 x 2 a kernel of 3 x 3 with padding 1 meets the map with 4 of its 9 taps: what it gives has 0.44 of the
variance that its fan-in was scaled for, its other weights are in vain, and 56 % of the multiplications are with 0.
 Six tenths let a map of 4 x 4 pass (0.69) and none below. The share is counted tap by tap at the known sizes; maps of
open size are let pass, and so is padding that is no zeros.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG162
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.convolution import Convolve, taps_inside

LEAST = Limit(
    SIG162,
    0.6,
    "share of a convolution's taps that meet the map (less is a finding)",
    "a third of the weights and more is multiplied with zeros, and the variance is lower by that",
)
LIMITS = (LEAST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for step in net.steps:
        rule = net.rule(step)
        if not isinstance(rule, Convolve) or rule.transposed or step.inputs[0] is None:
            continue
        before, after = step.inputs[0].type.shape, step.outputs[0].type.shape
        first = len(after) - len(rule.windows)
        if not all(net.is_sure(step, first + i) for i in range(len(rule.windows))):
            continue
        share = 1.0
        for n, count, window in zip(before[first:], after[first:], rule.windows, strict=True):
            assert isinstance(n, int) and isinstance(count, int)
            share *= taps_inside(n, count, window)
        if share < net.limit(LEAST):
            size = " x ".join(str(n) for n in before[first:])
            yield Diagnostic(
                SIG162,
                f"on a map of {size} {1 - share:.0%} of what this convolution multiplies are the zeros of its padding",
                step.span,
                f"{share:.2g} of the variance",
                helps=("fewer poolings or strides in front of it, a smaller kernel, or none of the padding",),
            )
