"""SIG141: a recurrence so long that no gradient comes back from its end to its beginning.

Every step multiplies the gradient at the states by a factor: 0.5 and a little for an LSTM whose forget gate starts at
one half, 0.58 for a plain cell with PyTorch's first values. Where over all steps less than a thousandth is left, the
last step teaches nothing about the first. Sources: Hochreiter et al. 2001, "Gradient flow in recurrent nets"; Tallec
and Ollivier 2018, "Can recurrent neural networks warp time?", section 2 (a bias of ln(T - 1) for the forget gate). The
factor is that of the first step of training; open lengths are let pass, since nobody knows them, and truncated
back-propagation is an open length.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from fanin.diagnostics.codes import SIG141
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit
from fanin.signal.horizon import fading

LEAST = Limit(
    SIG141,
    1e-3,
    "share of a gradient at the last state that is left at the first (less is a finding)",
    "the first steps learn a thousand times as slowly from the end as the last ones",
)
LIMITS = (LEAST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for loop in net.analysis.tape.loops:
        if not net.is_sure_of_steps(loop):
            continue
        left = fading(net.analysis, loop, loop.steps)
        if left is None or not left < net.limit(LEAST):
            continue
        each = left ** (1 / loop.steps)
        horizon = f"; a thousandth after {log(1e-3) / log(each):.0f}" if each > 0 else ""
        cells = len(loop.states[0]) > 1
        help_ = (
            f"start the bias of the forget gate at ln(T - 1) = {log(max(loop.steps - 1, 2)):.2g}"
            if cells
            else "weights of the state that start `orthogonal`, an LSTM or GRU, or a skip over steps"
        )
        yield Diagnostic(
            SIG141,
            f"of a gradient at the end of {loop.steps} steps {factor(left)} is left at the beginning, "
            f"{factor(each)} at each{horizon}",
            loop.span,
            f"{loop.steps} steps",
            helps=(help_,),
        )
