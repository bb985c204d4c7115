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
from fanin.signal.analysis import Analysis, known
from fanin.signal.rules.softmax import Attention, Softmax
from fanin.signal.state import Signal

SHARE, LEAST = 0.7, 4


def check(analysis: Analysis) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in analysis.tape.steps:
        rule = analysis.rules.get(id(step))
        scores: Signal | None = None
        if isinstance(rule, Attention):
            scores, axis = rule.logits, len(rule.logits.shape) - 1
        elif isinstance(rule, Softmax):
            given = known(analysis, step.inputs[0])
            scores, axis = (given, rule.axis) if isinstance(given, Signal) else (None, 0)
        probabilities = isinstance(rule, Softmax) and _is_output(analysis, step.outputs[0])
        if scores is None or step.span.start in seen or probabilities:
            continue
        count, spread = Softmax(axis).spread(scores)
        limit = sqrt(2 * log(count)) if count > 1 else 0.0
        if count >= LEAST and sqrt(spread) > SHARE * limit:
            seen.add(step.span.start)
            yield Diagnostic(
                SIG140,
                f"the scores of this softmax have std {sqrt(spread):.2g} over {count} positions: from {limit:.2g} on "
                "it takes one alone",
                step.span,
                f"std {sqrt(spread):.2g}",
                helps=("divide by the root of the size of a head, or normalise queries and keys",),
            )


def _is_output(analysis: Analysis, edge: object) -> bool:
    return any(edge is out for out in analysis.tape.outputs.values())
