"""SIG106: different inputs that have become one.

The cosine between what two samples give goes to 1 along a deep chain whose activations have a mean. Beyond 1 - 2^-8 the
difference is below the resolution of bfloat16; beyond 0.98 a hundredth of the energy is left to tell inputs apart.
Sources: Schoenholz et al. 2017; Dong et al. 2021 for positions under attention.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG106
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rows import correlations

LARGEST = Limit(
    SIG106,
    0.98,
    "cosine between what two inputs give",
    "a fiftieth of the energy is left to tell inputs apart; beyond 1 - 2^-8 bfloat16 cannot",
    error=1 - 2**-8,
)
LIMITS = (LARGEST,)
LEAST_LAYERS = 5


def check(net: Net) -> Iterator[Diagnostic]:
    found = net.once
    if len(found) < LEAST_LAYERS:
        return
    last = found[-2]  # what the output layer makes of it is a choice
    _, alike = correlations(last.y)
    _, start = correlations(found[0].y)
    if alike is not None and alike > net.limit(LARGEST) and (start is None or start < LARGEST.value):
        yield Diagnostic(
            SIG106,
            f"after {len(found)} layers any two inputs give nearly the same: their cosine is {alike:.4f}",
            last.step.span,
            "inputs can hardly be told apart here",
            helps=("biases of 0, residual connections, or a norm with batch statistics",),
            level=net.level(LARGEST, alike),
        )
