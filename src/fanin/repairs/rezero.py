"""``rezero``: each residual branch times a learned number that starts at 0.

The network starts as the identity between its ends, exactly: every singular value of that part's Jacobian is 1. What a
branch has in it gets no gradient on the first step, while the number does. Source: Bachlechner et al. 2020.
"""

from __future__ import annotations

from fanin.repairs.branches import branches, find
from fanin.repairs.case import Answer, Case
from fanin.repairs.scale_branches import with_parameter
from fanin.signal.analysis import Analysis, known
from fanin.signal.state import Signal


def repair(case: Case) -> Answer:
    found = branches(case)
    edits = with_parameter(case, found, "zeros")
    note = f"{len(found)} residual branches, each times a number that starts at 0; no branch moves on the first step"
    return Answer(edits, (note,), checks=(closed,))


def closed(analysis: Analysis) -> str | None:
    """What is wrong where some residual branch does not start at nothing."""
    for branch in find(analysis.tape.steps):
        f = known(analysis, branch.result)
        if not isinstance(f, Signal) or f.q > 0:
            return f"the branch of `{branch.sum.path}` would not start at 0"
    return None
