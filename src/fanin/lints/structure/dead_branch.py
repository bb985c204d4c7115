"""STR620: a branch of which nothing comes out.

A product with a zero that is written down, and a relu of what is nowhere above zero, are 0 for every input and every
weight, and no gradient passes. A scale that starts at zero and learns is a parameter, and is another matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR620
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Scalar
from fanin.lints.flow import DROPOUTS, MOVES, NEVER_BELOW, Flow

_RELUS = ("relu", "ReLU", "relu6", "ReLU6")


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named("mul"):
        if any(isinstance(o, Scalar) and o.value == 0 and not isinstance(o.value, bool) for o in node.inputs):
            yield Diagnostic(
                STR620,
                "a product with 0 is 0: nothing comes out of this branch, and no gradient goes into it",
                node.span,
                "always 0",
                helps=("leave the branch out, or let a scale learn: `param scale: [] = zeros`",),
            )
    for node in flow.named(*_RELUS):
        minus = flow.maker(node.inputs[0], MOVES | DROPOUTS)
        if minus is None or minus.op.name != "neg":
            continue
        before = flow.maker(minus.inputs[0], MOVES | DROPOUTS)
        if before is not None and before.op.name in NEVER_BELOW:
            yield Diagnostic(
                STR620,
                f"`{node.op.name}` of what is nowhere above 0 is 0: `-{before.op.name}(…)`",
                node.span,
                "always 0",
                (Label(before.span, "never below 0"),),
                helps=("leave the sign out, or the activation",),
            )
