"""``skipinit``: each residual branch times a learned number that starts at ``1 / sqrt(L)``, L being how many there are.

What a norm in the branch does at the start for a residual network, one number does: it keeps the branches small against
the skip. Source: De and Smith 2020, section 4 (0 does as well: that is ``rezero``).
"""

from __future__ import annotations

from fanin.repairs.branches import branches
from fanin.repairs.case import Answer, Case
from fanin.repairs.scale_branches import with_parameter


def repair(case: Case) -> Answer:
    found = branches(case)
    start = f"1 / sqrt({len(found)})"
    edits = with_parameter(case, found, start)
    note = f"{len(found)} residual branches, each times a learned number that starts at {start}"
    return Answer(edits, (note,))
