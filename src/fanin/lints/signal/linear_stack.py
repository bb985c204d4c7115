"""SIG170: two dense layers with nothing between them.

Their product is one linear map: no function is gained, and the start varies more (each layer of n units adds 2 / n). A
narrow middle is a factorisation on purpose (low rank), and is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG170
from fanin.diagnostics.model import Diagnostic, Label
from fanin.signal.analysis import Analysis


def check(analysis: Analysis) -> Iterator[Diagnostic]:
    makers = {id(edge): step for step in analysis.tape.steps for edge in step.outputs}
    readers: dict[int, int] = {}
    for step in analysis.tape.steps:
        for edge in step.inputs:
            readers[id(edge)] = readers.get(id(edge), 0) + 1
    seen: set[int] = set()
    for step in analysis.tape.steps:
        if step.name != "Linear" or step.span.start in seen:
            continue
        edge = step.inputs[0]
        before = makers.get(id(edge))
        if before is None or before.name != "Linear" or readers[id(edge)] > 1 or edge is None:
            continue
        first, middle = before.types[0], edge.type
        assert first is not None
        sizes = [n for t in (first, middle, step.outputs[0].type) if isinstance(n := t.shape[-1], int)]
        if len(sizes) < 3 or sizes[1] < min(sizes[0], sizes[2]):
            continue
        if any(edge is out for out in analysis.tape.outputs.values()):
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
