"""SIG104: weights scaled by one fan where widths change so much that it does not fit the other direction.

``1 / fan_in`` holds activations, and takes gradients by the root of ``fan_out / fan_in`` at every layer: over a chain
these come to the root of the last width over the first. Beyond a factor of 3, widths that differ by 9, one learning
rate meets entries whose gradients differ by an order of magnitude in square; the mean of both fans halves that on the
logarithm. Source: Glorot and Bengio 2010, section 4.2. Only chains of three hidden layers and more without norms, whose
laws go all by one fan, are meant; a network as wide at the end as at the beginning (an autoencoder) has no such factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt

from fanin.diagnostics.codes import SIG104
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.laws import Scaled
from fanin.lints.signal.along import Layer, Net, factor
from fanin.lints.signal.limits import Limit
from fanin.signal.analysis import weights_of

LARGEST = Limit(
    SIG104,
    3.0,
    "root of the last hidden width over the first, or the reverse",
    "gradients of one chain differ by an order of magnitude in square",
)
LIMITS = (LARGEST,)
LEAST_LAYERS = 3


def check(net: Net) -> Iterator[Diagnostic]:
    for chain in net.chains:
        hidden = net.hidden(chain)
        if len(hidden) < LEAST_LAYERS:
            continue
        ratio = sqrt(hidden[-1].width / hidden[0].width)
        mode = _mode(hidden[1:])
        if abs(log(ratio)) <= log(net.limit(LARGEST)) or not mode:
            continue
        first, last = hidden[0], hidden[-1]
        times = ratio if ratio > 1 else 1 / ratio
        what, other = ("activations", "gradients") if mode == "fan_in" else ("gradients", "activations")
        grow = (ratio > 1) == (mode == "fan_in")
        way = "back to" if mode == "fan_in" else "up to"
        end = first if mode == "fan_in" else last
        yield Diagnostic(
            SIG104,
            f"weights scaled by their {mode} hold {what}, and {other} {'grow' if grow else 'shrink'} "
            f"{factor(times)} times {way} `{end.step.path}`",
            last.step.span,
            f"{last.width} units",
            (Label(first.step.span, f"{first.width} units"),) if first.step.span != last.step.span else (),
            helps=('scale by both, `he_normal(mode="fan_avg")`: each is off by the root of that',),
        )


def _mode(layers: list[Layer]) -> str:
    """The one fan that the laws of all layers go by; of numbers in their place, that which explains them."""
    weights = [layer.step.weights.get("weight") for layer in layers]
    laws = {w.law.mode if isinstance(w.law, Scaled) else "" for w in weights if w is not None}
    if laws != {""}:
        return laws.pop() if len(laws) == 1 and "fan_avg" not in laws else ""
    for mode in ("fan_in", "fan_out"):
        found = [
            weights_of(layer.step).var("weight") * w.spec.fans.of(mode)
            for layer, w in zip(layers, weights, strict=True)
            if w is not None and w.spec is not None
        ]
        if len(found) == len(layers) and min(found) > 0 and max(found) < 1.1 * min(found):
            return mode
    return ""
