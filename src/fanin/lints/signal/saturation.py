"""SIG105: activations of which most are saturated, or dead, at the start.

A unit whose derivative is a tenth of its largest learns a tenth as fast, and by the square in its variance. For tanh
and sigmoid the rule compares E f'^2 with its value at 0; for relu it is the share of units that are on. Sigmoids that
gate a product are meant to be shut now and then, and outputs to be sure: these are let pass. Source: Glorot and Bengio
2010, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fanin.diagnostics.codes import SIG105
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit
from fanin.signal import grid
from fanin.signal.rules.pointwise import derivative

LEAST = Limit(
    SIG105,
    0.1,
    "mean square of the slope of an activation, over that at 0",
    "the weights in front of it learn a tenth as fast",
)
LIMITS = (LEAST,)
LEAST_ON = 0.05


def check(net: Net) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in net.steps:
        if step.name not in ("tanh", "sigmoid", "relu", "hardtanh", "softsign") or step.span.start in seen:
            continue
        x = net.signal(step.inputs[0])
        readers = [reader.name for reader in net.reads(step.outputs[0])]
        if x is None or not readers or "mul" in readers or "sub" in readers:
            continue
        before = net.maker(step.inputs[0])
        if before is not None and before.weights and all(t.frozen for t in before.weights.values()):
            continue  # random features: nothing in front of it learns
        with np.errstate(all="ignore"):
            slope = derivative(lambda v, s=step: s.op.curve(s.attrs, v), x.psi)  # type: ignore[misc]
        if step.name == "relu":
            on = float(grid.W @ (x.psi > 0))
            if on < LEAST_ON:
                seen.add(step.span.start)
                yield Diagnostic(
                    SIG105,
                    f"{on:.1%} of the units behind this relu are on",
                    step.span,
                    f"what comes in has mean {factor(x.mean)} and std {factor(x.variance**0.5)}",
                    helps=("centre what comes in: a bias of 0, or a norm",),
                )
            continue
        at_zero = float(derivative(lambda v, s=step: s.op.curve(s.attrs, v), np.zeros(1))[0])  # type: ignore[misc]
        share = grid.square(slope) / at_zero**2
        if share < net.limit(LEAST):
            seen.add(step.span.start)
            yield Diagnostic(
                SIG105,
                f"most units behind this {step.name} are saturated: its squared slope is {share:.1%} of that at 0",
                step.span,
                f"what comes in has std {factor(x.variance**0.5)}",
                helps=("a smaller gain in front of it, or a norm",),
            )
