"""SIG131: norms in a deep chain without shortcuts, through which gradients grow.

A batch norm behind a relu divides by the deviation of what is left once each channel's mean is gone, which is a factor
of sqrt(pi / (pi - 1)) = 1.21 for the gradient at every layer: thousands over 36 layers. Ten times is 13 layers. A
shortcut takes the growth away. Source: Yang et al. 2019, "A mean field theory of batch normalization", theorem 3.9 and
section 4. Fewer than ten norms, as in discriminators, are let pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt

from fanin.diagnostics.codes import SIG131
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit

LARGEST = Limit(
    SIG131,
    10.0,
    "length of the gradient at the first layer of a chain with norms over that at the last",
    "1.21 at each of 13 layers; one rate moves the first ones a hundred times as fast in the loss",
)
LIMITS = (LARGEST,)
LEAST_NORMS = 10


def check(net: Net) -> Iterator[Diagnostic]:
    for chain in net.normed_chains:
        first, last = chain[0], chain[-1]
        norms = sum(any(map(net.is_norm, net.between(layer, norms=True))) for layer in chain[1:])
        if norms < LEAST_NORMS or first.g is None or last.g is None or min(first.g.q, last.g.q) <= 0:
            continue
        ratio = sqrt(first.g.q * prod(first.y.shape) / (last.g.q * prod(last.y.shape)))
        if ratio > net.limit(LARGEST):
            yield Diagnostic(
                SIG131,
                f"gradients grow {factor(ratio)} times through {norms} norms without a shortcut, "
                f"{factor(ratio ** (1 / (len(chain) - 1)))} at each layer",
                first.step.span,
                f"{factor(ratio)} times as long as at `{last.step.path}`",
                (Label(last.step.span, "from here"),) if last.step.span != first.step.span else (),
                helps=("a residual connection around every two layers, or fewer norms",),
            )
