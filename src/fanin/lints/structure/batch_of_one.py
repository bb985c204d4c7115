"""STR606: batch statistics of a batch that is declared to have one sample.

Over one sample a batch norm is an instance norm in training, and something else in evaluation; without spatial axes it
has one number to take a variance of, and PyTorch refuses that.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR606
from fanin.diagnostics.model import Diagnostic
from fanin.lints.flow import BATCH_NORMS, Flow


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*BATCH_NORMS):
        given = node.inputs[0]
        if given is not None and given.type.rank > 2 and given.type.shape[0] == 1:
            yield Diagnostic(
                STR606,
                f"a batch norm on {given.type}: its statistics are those of one sample",
                node.span,
                "a batch of 1",
                helps=("write `GroupNorm(8)`, or leave the batch open: `[N, …]`",),
            )
