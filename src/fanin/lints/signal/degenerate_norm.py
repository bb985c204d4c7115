"""SIG160: a norm over so few numbers that it leaves nothing of them.

Over one number the mean is the number, and what is left is 0 whatever comes in (without centring, its sign). Over two
it is +1 and -1. Dividing by the deviation multiplies the variance of a gradient by ``E[1/var] E[var]``, which for n
normal numbers is ``(n - 1) / (n - 3)`` (the mean of an inverse chi-square): 3 at four numbers, and infinite below.
One number is an error, two and three a warning. Sizes that are open are not held against it: a batch norm on single
pixels needs a batch, and gets one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.diagnostics.codes import SIG160
from fanin.diagnostics.model import Diagnostic, Severity
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.normalise import Normalise

LEAST = Limit(
    SIG160,
    4.0,
    "numbers that a norm takes its statistics of (fewer are a finding)",
    "E[1/var] E[var] is (n - 1) / (n - 3), infinite below four; of one number nothing is left",
)
LIMITS = (LEAST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for step in net.steps:
        rule = net.rule(step)
        rule = getattr(rule, "inner", rule)
        edge = step.inputs[0] if step.inputs else None
        if not isinstance(rule, Normalise) or edge is None:
            continue
        shape = [n for n in edge.type.shape if isinstance(n, int)]
        axes = tuple(range(1, len(shape))) if rule.groups else rule.axes
        if not all(net.is_sure(step, axis) for axis in axes):
            continue
        count = prod(shape[axis] for axis in axes) // (rule.groups or 1)
        if count >= net.limit(LEAST) or (count > 1 and not rule.centre):
            continue
        gone = "its output is 0 whatever comes in" if rule.centre else "its output is a sign"
        yield Diagnostic(
            SIG160,
            f"this norm takes its statistics of {count} number{'s' if count > 1 else ''}: "
            + (gone if count == 1 else "little is left of what comes in, and gradients explode"),
            step.span,
            f"{count} of {edge.type}",
            helps=("normalise over more: other axes, fewer groups, or a larger map",),
            level=None if count == 1 else Severity.WARNING,
        )
