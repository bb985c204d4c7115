"""SIG161: a bias that the norm behind it takes away again.

A batch norm subtracts each channel's mean, and the bias is part of it: its gradient is exactly 0 in training. So it is
with instance norm; a layer norm subtracts the mean over the channels, which leaves a bias that differs from channel to
channel.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG161
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.flow import BATCH_NORMS, LAYERS, Flow

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
            helps=("write `bias=false`",),
        )
