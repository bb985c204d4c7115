"""STR603: an activation on what an activation gave, with nothing in between.

The second adds no expressiveness, and shrinks what is left: of relu(relu(x)) it is nothing, sigmoid(relu(x)) never
falls below one half. ``neg`` and sums between them are ops, and make it another function.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR603
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.flow import ACTIVATIONS, DROPOUTS, MOVES, Flow

_SAME = frozenset(("relu", "relu6", "hardtanh"))  # twice is once


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.ops:
        if node.op.name not in ACTIVATIONS:
            continue
        before = flow.maker(node.inputs[0], MOVES | DROPOUTS)
        if before is None or before.op.name not in ACTIVATIONS or before.span == node.span:
            continue
        twice = before.op is node.op and node.op.name in _SAME
        yield Diagnostic(
            STR603,
            f"`{node.op.name}` on what `{before.op.name}` gave"
            + (" changes nothing" if twice else ": two activations in a row"),
            node.span,
            "the second",
            (Label(before.span, "the first"),),
            helps=("leave one of them out, or put a layer between them",),
        )
