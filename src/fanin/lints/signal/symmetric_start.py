"""SIG123: weights that start equal, so that all units of a layer stay one.

Units with equal weights in and out get equal gradients, and no step tells them apart. Scales and shifts are meant to be
equal, and zeros in the last layer of a branch or of a network let the others move (SIG150 where they do not).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fanin.diagnostics.codes import SIG123
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net
from fanin.signal.analysis import weights_of


def check(net: Net) -> Iterator[Diagnostic]:
    found = net.once
    for layer, after in pairwise(found):
        laws = weights_of(layer.step)
        behind = weights_of(after.step)
        alone = layer.y.shape[-1 if layer.step.name == "Linear" else 1] == 1
        if laws.var("weight") or alone or behind.var("weight"):
            continue
        if laws.mean("weight") == 0:
            continue
        yield Diagnostic(
            SIG123,
            f"all weights of this `{layer.step.name}` start as {laws.mean('weight'):g}, and those behind it are equal "
            "too: its units stay equal",
            layer.step.span,
            "no unit differs from another",
            helps=("draw them: `init=he_normal`",),
        )
