"""SIG171: activations that grow or shrink with the width, where a project says that they should not.

A network whose hyper-parameters are to be carried over from a narrow model to a wide one has, at the start, hidden
activations that do not hang on the width ``n``, and outputs that do not grow with it: the exponent in ``n^e`` is 0, of
outputs 0 or -1/2 (µP). It is taken from the network at the width it has and at four times that. A quarter is half of
the smallest exponent that a wrong law gives: 1/2, of a fixed standard deviation or a missing ``1 / sqrt(d)``. Source:
Yang and Hu 2021; Yang et al. 2022, "Tensor programs V", appendix D (coordinate checks). It is looked for where
``width = "…"`` in ``[tool.fanin]`` names the hyper-parameter, and says nothing of updates, since a spec has no rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from fanin.diagnostics.codes import SIG171
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit

LARGEST = Limit(
    SIG171,
    0.25,
    "exponent of the width in the rms of activations, where `width` is set",
    "half of 1/2, the smallest exponent of a wrong law",
)
LIMITS = (LARGEST,)
TIMES = 4
"""By how much wider the second network is."""


def check(net: Net) -> Iterator[Diagnostic]:
    if net.wider is None:
        return
    other = {layer.step.path: layer for layer in net.wider.once}
    exponents: dict[str, float] = {}
    for layer in net.once:
        wide = other.get(layer.step.path)
        if wide is None or min(wide.y.q, layer.y.q) <= 0:
            continue
        exponents[layer.step.path] = own = log(wide.y.q / layer.y.q) / (2 * log(TIMES))
        least = float("-inf") if net.reaches(layer.step.outputs[0], 0) else -net.limit(LARGEST)
        inherited = next((exponents[s.path] for s in net.back(layer.step.inputs[0]) if s.path in exponents), 0.0)
        if least <= own <= net.limit(LARGEST) or abs(own - inherited) <= net.limit(LARGEST):
            continue
        yield Diagnostic(
            SIG171,
            f"what `{layer.step.path}` gives goes with the width to the power of {own:.2f}",
            layer.step.span,
            f"n^{own:.2f}",
            helps=("scale its weights by the fan-in, `init=lecun_normal`, and a product of vectors by 1 / sqrt(d)",),
        )
