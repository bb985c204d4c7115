"""SIG120: a gain that does not fit the activation, and tells over the depth.

A layer gives what it was given where the variance of its weights is ``1 / (fan_in E f(z)^2)``. A declared law that is
more than a tenth off that, over a chain whose scale changes by more than 3 in all, wastes an order of magnitude in
square; beyond 10 SIG101 speaks of it. Exact gains for inputs of variance 1 are 1.41 for relu, 1.59 for tanh (PyTorch's
table has 5/3), 1.85 for sigmoid, 1 for selu (PyTorch's has 3/4), 1.53 for gelu, 1.68 for silu. Source: He et al. 2015,
section 2.2; Klambauer et al. 2017. PyTorch's own first values are nobody's choice and are let pass, and a norm or a sum
ends the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import log, sqrt

import numpy as np

from fanin.diagnostics.codes import SIG120
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.laws import Orthogonal, Scaled
from fanin.lints.signal.along import Layer, Net, factor
from fanin.lints.signal.growth import LARGEST as GROWTH
from fanin.lints.signal.limits import Limit
from fanin.signal import grid
from fanin.signal.rules.pointwise import Curve
from fanin.signal.tape import Step

LARGEST = Limit(
    SIG120,
    3.0,
    "change of the rms over a chain whose declared gain is a tenth off",
    "the scale of one end is an order of magnitude off in square",
)
LIMITS = (LARGEST,)
OFF = 0.1


def check(net: Net) -> Iterator[Diagnostic]:
    for chain in net.chains:
        hidden = net.hidden(chain)
        if len(hidden) < 3 or not all(_declared(layer) and layer.y.q > 0 for layer in hidden):
            continue
        total = sqrt(hidden[-1].y.q / hidden[0].y.q)
        steps = [sqrt(b.y.q / a.y.q) for a, b in pairwise(hidden)]
        worst = max(range(len(steps)), key=lambda i: abs(log(steps[i])))
        most, least = net.limit(GROWTH), net.limit(LARGEST)
        if not log(least) < abs(log(total)) <= log(most) or abs(steps[worst] - 1) <= OFF:
            continue
        layer = hidden[worst + 1]
        curve = next((s for s in net.between(layer) if isinstance(net.rule(s), Curve)), None)
        if curve is None or net.has_fixed_scale(layer):
            continue
        f, exact = curve.name, gain(net, curve)
        yield Diagnostic(
            SIG120,
            f"the gain of these weights is not that of `{f}`: {factor(1 / steps[worst])} times as much would hold the "
            f"scale, which is {factor(total)} times as large after {len(hidden)} layers",
            layer.step.span,
            f"what `{f}` leaves",
            (Label(hidden[0].step.span, "the scale it starts from"),) if hidden[0].step.span != layer.step.span else (),
            helps=(f"the gain of `{f}` is {exact:.4g} at a variance of 1: `lecun_normal(gain={exact:.4g})`",),
        )


def gain(net: Net, step: Step) -> float:
    """``1 / sqrt(E f(z)^2)`` for a normal z of variance 1."""
    rule = net.rule(step)
    assert isinstance(rule, Curve)
    with np.errstate(all="ignore"):
        return 1 / sqrt(grid.square(np.asarray(rule.f(grid.Z))))


def _declared(layer: Layer) -> bool:
    weight = layer.step.weights.get("weight")
    return weight is not None and isinstance(weight.law, Scaled | Orthogonal)
