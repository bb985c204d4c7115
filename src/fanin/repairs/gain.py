"""``gain``: the exact gain of the activation that a layer reads, ``1 / sqrt(E f²)``, in its initialiser.

PyTorch's ``calculate_gain`` says 5/3 for tanh and 3/4 for selu, where 1.592537 and 1 keep a second moment of 1; for
gelu, silu and others it says nothing. f is taken at a standard normal input, which is what this law then gives.
Source: He et al. 2015, section 2.2, for any f.
"""

from __future__ import annotations

from fanin.repairs.case import Answer, Case
from fanin.repairs.chosen import matrices, needed_gain, own_laws, spread_laws
from fanin.repairs.laws import gained
from fanin.repairs.places import sites


def repair(case: Case) -> Answer:
    found = matrices(case, sites(case))
    kept = own_laws(case, found)
    notes = [f"{s.span}: `{s.steps[0].path}` keeps the initialiser that is written at it" for s in kept]
    laws = {}
    for site in found:
        if site in kept:
            continue
        gain, same = needed_gain(case, site)
        laws[site] = gained(gain)
        if not same:
            notes.append(f"{site.span}: not all layers made here read the same; {laws[site]} is what most of them need")
    if not laws:
        return Answer((), tuple(notes))
    return Answer(spread_laws(case, laws), tuple(notes))
