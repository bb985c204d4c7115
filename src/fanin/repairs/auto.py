"""``auto``: every dense layer and convolution gets the variance that its place needs, ``@init(auto)``."""

from __future__ import annotations

from fanin.repairs.attributes import set_init
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.chosen import own_laws
from fanin.repairs.places import sites


def repair(case: Case) -> Answer:
    found = [s for s in sites(case) if s.weight.spec is not None and s.weight.spec.family in ("linear", "conv")]
    if not found:
        raise Refused(f"`{case.program.name}` has no dense layer and no convolution")
    kept = own_laws(case, found)
    notes = [
        f"{sum(len(s.steps) for s in found if s not in kept)} layers: each gets a second moment of 1 where it stands"
    ]
    notes += [f"{s.span}: `{s.steps[0].path}` keeps the initialiser that is written at it" for s in kept]
    return Answer((set_init(case, {"auto": None}),), tuple(notes))
