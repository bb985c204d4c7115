"""``gpt``: the last layer of each residual branch gets its standard deviation divided by sqrt(L), for L branches.

A transformer of N layers has L = 2N of them. The stream then grows as if a single branch were added. Source: Radford et
al. 2019, section 2.3.
"""

from __future__ import annotations

from fanin.repairs.branches import branches
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.laws import times
from fanin.repairs.places import Site, constructor, matrix, set_argument, sites


def repair(case: Case) -> Answer:
    found = branches(case)
    last = {id(b.layers[-1]) for b in found}
    everywhere = sites(case)
    chosen = [s for s in everywhere if any(id(step) in last for step in s.steps)]
    edits, notes = [], [f"{len(found)} residual branches"]
    for site in chosen:
        _whole(site, last)
        law, spec = site.weight.law, site.weight.spec
        if law is None or spec is None:
            raise Refused(f"{site.span}: `{site.steps[0].path}` starts with values that are computed")
        text = times(law, spec, f"/ sqrt({len(found)})")
        edits.append(set_argument(constructor(case, site), "init", text))
        notes.append(f"{site.span}: `{site.steps[0].path}` gets {text}")
    return Answer(tuple(edits), tuple(notes))


def _whole(site: Site, last: set[int]) -> None:
    """Raises Refused where one constructor makes last layers of branches, and others."""
    other = next((s for s in site.steps if id(s) not in last), None)
    if other is not None and matrix(other) is not None:
        raise Refused(
            f"{site.span}: `{site.span.text}` makes the last layers of branches and `{other.path}`, which is none"
        )
