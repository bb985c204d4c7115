"""SIG170: two dense layers with nothing between them.

Their product is one linear map: no function is gained, and the start varies more (each layer of n units adds 2 / n). A
narrow middle is a factorisation on purpose (low rank), and is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG170
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net


def check(net: Net) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in net.steps:
        if step.name != "Linear" or step.span.start in seen:
            continue
        edge = step.inputs[0]
        before = net.maker(edge)
        if before is None or before.name != "Linear" or edge is None or len(net.reads(edge)) > 1:
            continue
        first, middle = before.types[0], edge.type
        assert first is not None
        sizes = [n for t in (first, middle, step.outputs[0].type) if isinstance(n := t.shape[-1], int)]
        if len(sizes) < 3 or sizes[1] < min(sizes[0], sizes[2]):
            continue
        if net.is_output(edge):
            continue
        seen.add(step.span.start)
        yield Diagnostic(
            SIG170,
            "two dense layers in a row are one linear map",
            step.span,
            "the second",
            (Label(before.span, "the first"),),
            helps=("put an activation between them, or leave one out",),
        )
