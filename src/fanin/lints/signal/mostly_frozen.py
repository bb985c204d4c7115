"""SIG172: layers most of whose units stay as they were drawn.

With ``frozen=share`` the first units of a layer are random features and the rest learn. From nine tenths on, what a
layer behind sees is mostly random features: those that learn are a tenth of its input, and all of the gradient. That
is said with what is left of the difference between inputs, since random layers let it go. A network whose hidden
layers are frozen as a whole (a reservoir, random features, an extreme learning machine) is another thing, and let
pass. Sources: Rahimi and Recht 2007; Rosenfeld and Tsotsos 2018, "Intriguing properties of randomly weighted
networks".
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG172
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rows import correlations

LARGEST = Limit(
    SIG172,
    0.9,
    "share of the units of a layer that stay as drawn (from there on)",
    "those that learn are a tenth of what the next layer sees",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    found = [
        (layer, weight.held)
        for layer in net.once
        if (weight := layer.step.weights.get("weight")) is not None and net.limit(LARGEST) <= weight.held < 1
    ]
    if found:
        (first, held), (last, _) = found[0], found[-1]
        _, alike = correlations(last.y)
        kept = f"; two inputs have cosine {alike:.2g} behind the last" if alike is not None and len(found) > 1 else ""
        yield Diagnostic(
            SIG172,
            f"{held:.0%} of the units of {len(found)} layer{'s' if len(found) > 1 else ''} stay as drawn: the others "
            f"are {1 - held:.0%} of what comes behind them, and get all of the gradient{kept}",
            first.step.span,
            f"{held:.0%} are frozen",
            (Label(last.step.span, "to here"),) if last.step.span != first.step.span else (),
            helps=("freeze a smaller share, or whole layers",),
        )
