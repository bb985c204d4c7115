"""SIG102: a scale that hangs on the scale before it more strongly at every layer.

Of relu, twice the input is twice the output; of gelu, silu and mish behind He's scale it is more, and without a norm
that adds up: ``d ln q_out / d ln q_in`` is the product of the slopes of the layers' maps of the second moment ``q``. At
10 a variance that is a tenth off, as between draws, data sets or a new batch of data, is off by a factor of e at the
end. Source: Poole et al. 2016, section 2 (the map of q); the slopes of activations at 1 are 1.14 for gelu, 1.17 for
silu, 1.08 for mish, so that it takes 14 layers and more. Norms and residual sums end a chain; activations whose slope
is below 1 (tanh, selu) pull the scale back.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG102
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Layer, Net, factor
from fanin.lints.signal.limits import Limit
from fanin.signal.analysis import weights_of
from fanin.signal.rules.pointwise import Curve

LARGEST = Limit(
    SIG102,
    10.0,
    "by how much more than the input's the output's variance changes, as powers",
    "a variance that is a tenth off is off by a factor of e at the end",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for chain in net.chains:
        total = power(net, chain)
        if total > net.limit(LARGEST):
            first, last = chain[0], chain[-1]
            yield Diagnostic(
                SIG102,
                f"the scale of activations is unstable over {len(chain)} layers: where the input's variance is 10 % "
                f"larger, that of the output is {factor(1.1**total)} times as large",
                last.step.span,
                f"`{last.step.path}` goes with the {factor(total)}th power",
                (Label(first.step.span, "of the variance here"),) if first.step.span != last.step.span else (),
                helps=("a norm every few layers, or residual connections with branches that are scaled down",),
            )


def power(net: Net, chain: list[Layer]) -> float:
    """With which power of the second moment behind the first layer that behind the last one goes."""
    total = 1.0
    for layer in chain[1:]:
        for step in net.between(layer):
            rule, x, y = net.rule(step), net.signal(step.inputs[0]), net.signal(step.outputs[0])
            if isinstance(rule, Curve) and x is not None and y is not None:
                total *= rule.slope(x, y.psi)
        total *= _share(layer)
    return total


def _share(layer: Layer) -> float:
    """How much of what a layer gives goes with its input: all of it but for the biases."""
    w = weights_of(layer.step)
    fixed = w.var("bias") + w.mean("bias") ** 2
    return max(1 - fixed / layer.y.q, 0.0) if layer.y.q > 0 else 0.0
