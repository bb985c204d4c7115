"""SIG140: scores of attention that are so large that a softmax takes one position.

Softmax over T scores of standard deviation s condenses at s = sqrt(2 ln T): one position gets most, and the gradient of
the scores vanishes. The rule warns from 0.7 of it, where of 64 positions five are left (Vaswani et al. 2017, section
3.2.1, gives the scale 1/sqrt(d)).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt

from fanin.diagnostics.codes import SIG140
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.softmax import Attention, Softmax
from fanin.signal.state import Signal

LARGEST = Limit(
    SIG140,
    0.7,
    "std of the scores of T positions, over sqrt(2 ln T)",
    "at 1 a softmax condenses on one position; at 0.7 five of 64 are left",
    error=1.0,
)
LIMITS = (LARGEST,)
LEAST = 4


def check(net: Net) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in net.steps:
        rule = net.rule(step)
        scores: Signal | None = None
        if isinstance(rule, Attention):
            scores, axis = rule.logits, len(rule.logits.shape) - 1
        elif isinstance(rule, Softmax):
            scores, axis = net.signal(step.inputs[0]), rule.axis
        probabilities = isinstance(rule, Softmax) and net.is_output(step.outputs[0])
        if scores is None or step.span.start in seen or probabilities:
            continue
        count, spread = Softmax(axis).spread(scores)
        limit = sqrt(2 * log(count)) if count > 1 else 0.0
        if count >= LEAST and sqrt(spread) > net.limit(LARGEST) * limit:
            seen.add(step.span.start)
            yield Diagnostic(
                SIG140,
                f"the scores of this softmax have std {sqrt(spread):.2g} over {count} positions: from {limit:.2g} on "
                "it takes one alone",
                step.span,
                f"std {sqrt(spread):.2g}",
                helps=("divide by the root of the size of a head, or normalise queries and keys",),
                level=net.level(LARGEST, sqrt(spread) / limit),
            )
