"""STR604: dropout in front of a batch norm.

Dropout multiplies the variance by 1 / (1 - p) in training and by 1 in evaluation. A batch norm behind it keeps the
variance of training, and is off by that factor ever after. Source: Li et al. 2018, "Understanding the Disharmony
between Dropout and Batch Normalization by Variance Shift". Dropout of p below 0.05 moves the variance by less than the
noise of a batch of 32 (sqrt(2 / 32) a channel), and is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR604
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.flow import ACTIVATIONS, BATCH_NORMS, DROPOUTS, LAYERS, MOVES, Flow

_LEAST = 0.05


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*BATCH_NORMS):
        before = flow.maker(node.inputs[0], MOVES | LAYERS | ACTIVATIONS)
        p = getattr(before.attrs, "p", 0.0) if before is not None else 0.0
        if before is not None and before.op.name in DROPOUTS and p >= _LEAST:
            yield Diagnostic(
                STR604,
                f"a batch norm behind dropout: in training the variance is {1 / (1 - min(p, 0.99)):.3g} times that of "
                "evaluation",
                node.span,
                "keeps the variance of training",
                (Label(before.span, "raises it in training alone"),),
                helps=("put the dropout behind the last batch norm",),
            )
