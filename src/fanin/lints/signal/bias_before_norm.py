"""SIG161: a bias that the norm behind it takes away again.

A batch norm subtracts each channel's mean, and the bias is part of it: its gradient is exactly 0 in training. So it is
with instance norm; a layer norm subtracts the mean over the channels, which leaves a bias that differs from channel to
channel. The fix writes ``bias=false`` where the norm is the next step of the same pipe, so that it stands behind the
layer wherever that is used: what the network computes and how it trains stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG161
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.ir.graph import Apply
from fanin.lints.flow import BATCH_NORMS, LAYERS, Flow, piped
from fanin.source import Span

_CENTRE = BATCH_NORMS | {"InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"}


def check_graph(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*_CENTRE):
        before = flow.maker(node.inputs[0])
        if before is None or before.op.name not in LAYERS or not getattr(before.attrs, "bias", False):
            continue
        if len(flow.readers(before)) > 1:
            continue
        yield Diagnostic(
            SIG161,
            f"the bias of this `{before.op.name}` has no effect: the norm behind it takes each channel's mean away",
            before.span,
            "its gradient is 0",
            (Label(node.span, "subtracts the mean"),),
            helps=() if (fix := _fix(before, node)) else ("write `bias=false`",),
            fix=fix,
        )


def _fix(layer: Apply, norm: Apply) -> Fix | None:
    span = layer.span
    text = span.text
    call = f"{layer.op.name}("
    if piped(layer, norm) is None or call not in text or not text.endswith(")"):
        return None
    if text.endswith("bias=true)"):
        edit = Edit(Span(span.source, span.end - len("true)"), span.end - 1), "false")
    elif "bias" not in text:
        more = "bias=false" if text.endswith("()") else ", bias=false"
        edit = Edit(Span(span.source, span.end - 1, span.end - 1), more)
    else:
        return None
    return Fix("write `bias=false`", (edit,), safe=True)
