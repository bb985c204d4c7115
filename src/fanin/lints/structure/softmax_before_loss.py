"""STR601, STR602: what a loss takes for logits has been through a softmax, or through an activation.

``cross_entropy`` takes the logarithm of a softmax itself. Of probabilities it makes nearly equal ones, and its gradient
is smaller by the factor p (1 - p); of what a relu left it cannot make a class less likely than one whose logit is 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR601, STR602
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.ir.graph import Apply
from fanin.lints.flow import ACTIVATIONS, MOVES, Flow, piped, written
from fanin.source import Span

_TAKES = {
    "cross_entropy": ("softmax", "log_softmax", "softmax2d"),
    "binary_cross_entropy_with_logits": ("sigmoid", "logsigmoid", "softmax"),
}


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*_TAKES):
        before = flow.maker(node.inputs[0], MOVES)
        if before is None:
            continue
        name = node.op.name
        if before.op.name in _TAKES[name]:
            yield Diagnostic(
                STR601,
                f"`{name}` takes logits, and these have been through `{before.op.name}`",
                node.span,
                "does it once more",
                (Label(before.span, "makes probabilities of them"),),
                helps=()
                if (fix := _fix(before, node))
                else (f"leave `{before.op.name}` out of what goes into the loss",),
                fix=fix,
            )
        elif before.op.name in ACTIVATIONS:
            yield Diagnostic(
                STR602,
                f"`{name}` takes logits, and `{written(before)}` cuts them",
                node.span,
                "any number is a logit",
                (Label(before.span, "not all numbers come out of it"),),
                helps=("give the last layer's output to the loss as it is",),
            )


def _fix(softmax: Apply, loss: Apply) -> Fix | None:
    """A log_softmax over the classes can go where it stands at the end of the pipe that the loss takes: of its own
    result it makes the same numbers."""
    given = softmax.inputs[0]
    if softmax.op.name != "log_softmax" or loss.op.name != "cross_entropy" or given is None:
        return None
    classes = 1 if given.type.rank > 1 else 0
    axis = getattr(softmax.attrs, "axis", None)
    a, b = softmax.span, loss.span
    text = a.source.text
    before = text[: a.start].rstrip()
    argument = b.start <= a.start and a.end <= b.end and text[a.end : b.end].lstrip()[:1] in (",", ")")
    if a.source is not b.source or not (argument or piped(softmax, loss)) or not before.endswith("->"):
        return None
    if not isinstance(axis, int) or axis % given.type.rank != classes:
        return None
    return Fix("leave `log_softmax` out", (Edit(Span(a.source, len(before[:-2].rstrip()), a.end), ""),), safe=True)
