"""SIG107: most of what goes into layer after layer is one constant.

Where the square of the mean is more than half of the second moment, the weights of a layer see the same offset from
every input: it moves all units alike, and the largest curvature of the loss lies along it. Behind a relu it is 0.32,
behind a sigmoid 0.85 and more. Source: LeCun et al. 1998, section 4.3; Brock et al. 2021, "Characterizing signal
propagation to close the performance gap in unnormalized ResNets", section 3.2. Layers in front of a norm, which takes
the mean away, behind a pooled mean (SIG163 has that), and the first layer are let pass, and so are three layers.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG107
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Layer, Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.reduce import Mean

LARGEST = Limit(
    SIG107,
    0.5,
    "square of the mean over the second moment of what goes into more than three layers",
    "more of the input is a constant than tells inputs apart",
)
LIMITS = (LARGEST,)
MOST_LAYERS = 3


def check(net: Net) -> Iterator[Diagnostic]:
    found = [layer for layer in net.once if _share(layer) > net.limit(LARGEST) and not _let_pass(net, layer)]
    if len(found) > MOST_LAYERS:
        first, last = found[0], found[-1]
        yield Diagnostic(
            SIG107,
            f"{_share(first):.0%} of what goes into `{first.step.path}` and {len(found) - 1} layers behind it is one "
            "constant",
            first.step.span,
            f"mean {first.x.mean:.2g}, root mean square {first.x.q**0.5:.2g}",
            (Label(last.step.span, f"{_share(last):.0%} here"),) if last.step.span != first.step.span else (),
            helps=("an activation around 0 such as `tanh`, `selu` or `gelu`, or a norm in front of the layers",),
        )


def _share(layer: Layer) -> float:
    return layer.x.mean**2 / layer.x.q if layer.x.q > 0 else 0.0


def _let_pass(net: Net, layer: Layer) -> bool:
    before = net.maker(layer.step.inputs[0])
    if before is None or any(isinstance(net.rule(step), Mean) for step in net.between(layer)):
        return True
    return net.has_fixed_scale(layer)
