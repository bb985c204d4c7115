"""STR603: an activation on what an activation gave, with nothing in between.

The second adds no expressiveness, and shrinks what is left: of relu(relu(x)) it is nothing, sigmoid(relu(x)) never
falls below one half. ``neg`` and sums between them are ops, and make it another function.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR603
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.ir.graph import Apply
from fanin.lints.flow import ACTIVATIONS, DROPOUTS, MOVES, Flow, piped
from fanin.source import Span

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
            helps=() if (fix := _fix(before, node)) else ("leave one of them out, or put a layer between them",),
            fix=fix,
        )


def _fix(first: Apply, second: Apply) -> Fix | None:
    """Of relu behind relu, both written so in one pipe, the second can go: it changes nothing."""
    span = piped(first, second)
    words = {second.op.name, f"{second.op.name}()", f"{second.op.module}()"}
    same = first.op is second.op and first.attrs == second.attrs and second.op.name in _SAME
    if span is None or not same or not {first.span.text, second.span.text} <= words:
        return None
    before = second.span.source.text[: span.start]
    start = len(before.rstrip()) if before.rstrip().endswith(first.span.text) else span.start
    return Fix("leave the second out", (Edit(Span(span.source, start, span.end), ""),), safe=True)
