"""STR610: a squared error on probabilities.

The gradient of (g - t)^2 in the logit carries the factor g (1 - g), which vanishes where the network is sure and wrong;
that of the cross entropy is g - t. Source: Bishop 2006, section 5.2 (the output function and loss of each law).
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR610
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.flow import MOVES, Flow

_LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
_MEANT = {
    "sigmoid": "binary_cross_entropy_with_logits(logits, target)",
    "softmax": "cross_entropy(logits, target)",
}


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*_LOSSES):
        before = flow.maker(node.inputs[0], MOVES)
        if before is not None and before.op.name in _MEANT:
            name = before.op.name
            law = "of yes or no" if name == "sigmoid" else "of classes"
            yield Diagnostic(
                STR610,
                f"`{node.op.name}` on what `{name}` gave: probabilities {law} have a cross entropy",
                node.span,
                "its gradient vanishes where the network is sure and wrong",
                (Label(before.span, "makes probabilities"),),
                helps=(f"write `{_MEANT[name]}`",),
            )
