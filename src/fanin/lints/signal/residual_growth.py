"""SIG130: a residual stream that grows from block to block, and that no norm takes back.

A branch of its input's size doubles the variance at each block, so that it is 256 times as large after 8. Ten times is
where the last blocks see a stream to which the first has contributed a tenth, and where what reads the stream was drawn
for a third of its scale. Streams that end in a norm, or are normalised in between, are let pass: there the branches
of a pre-norm network lose weight with depth as 1 / (1 + l), which trains (Xiong et al. 2020). So are branches that end
in a norm, which add the same at every block. Sources: Zhang et al. 2019, "Fixup initialization", section 2; De and
Smith 2020, "Batch normalization biases residual blocks", section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from fanin.diagnostics.codes import SIG130
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit
from fanin.lints.signal.residual import norm_behind, streams

LARGEST = Limit(
    SIG130,
    10.0,
    "second moment of a residual stream at its end over that at its start",
    "the first block is a tenth of what the last ones see",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for stream in streams(net):
        first, last = stream[0], stream[-1]
        start, end = net.signal(first.source), net.signal(last.output)
        if len(stream) < 2 or start is None or end is None or start.q <= 0:
            continue
        inner = [step for block in stream for step in (*block.skip, *(block.before if block is not first else ()))]
        ratio = end.q / start.q
        if ratio <= net.limit(LARGEST) or any(map(net.is_norm, inner)) or norm_behind(net, last.output):
            continue
        if all((gave := net.maker(block.branch)) is not None and net.is_norm(gave) for block in stream):
            continue
        each = ratio ** (1 / len(stream))
        scale = 1 / sqrt(len(stream))
        yield Diagnostic(
            SIG130,
            f"the residual stream grows to {factor(ratio)} times its variance over {len(stream)} blocks, "
            f"{factor(each)} times at each",
            last.step.span,
            f"of rms {factor(sqrt(end.q))}",
            (Label(first.step.span, f"of rms {factor(sqrt(start.q))} in front of the first block"),)
            if first.step.span != last.step.span
            else (),
            helps=(f"scale the branches by 1 / sqrt({len(stream)}) = {scale:.2g}, or put a norm in front of them and "
                   "one at the end",),
        )  # fmt: skip
