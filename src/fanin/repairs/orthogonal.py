"""``orthogonal``: random orthogonal matrices, with the exact gain of the activation before each.

Second moments are those of independent weights. What gets smaller is how much the singular values of the Jacobian
differ: the variance of their squares, over their squared mean, is ``L (μ - 1)`` and not ``L μ`` for L layers with
``μ = E f'⁴ / (E f'²)²``; for linear layers it is 0. A layer that widens gets a larger gain, since its columns are
orthogonal and not its rows. Source: Saxe et al. 2013; Pennington et al. 2017.
"""

from __future__ import annotations

from math import isclose, prod, sqrt

from fanin.repairs.branches import find
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.chosen import matrices, needed_gain, own_laws, spread_laws
from fanin.repairs.laws import number
from fanin.repairs.places import matrix, sites
from fanin.signal.tape import Step


def repair(case: Case) -> Answer:
    steps = case.analysis.tape.steps
    if find(steps):
        raise Refused("`orthogonal` is for plain chains of layers, and here branches are added to a stream",
                      "residual, rezero and skipinit are for those")  # fmt: skip
    if any("attention" in s.name.lower() for s in steps):
        raise Refused("`orthogonal` is for plain chains of layers, and here is attention")
    found = matrices(case, sites(case))
    kept = own_laws(case, found)
    notes = [f"{s.span}: `{s.steps[0].path}` keeps the initialiser that is written at it" for s in kept]
    laws = {}
    for site in found:
        if site in kept:
            continue
        gain, same = needed_gain(case, site, _widening)
        laws[site] = "orthogonal" if isclose(gain, 1.0, rel_tol=1e-6) else f"orthogonal(gain={number(gain)})"
        if not same:
            notes.append(f"{site.span}: not all layers made here read the same; {laws[site]} is what most of them need")
    return Answer(spread_laws(case, laws) if laws else (), tuple(notes))


def _widening(step: Step) -> float:
    """By how much a matrix with orthonormal columns falls short of one with the same rows independent."""
    tensor = matrix(step)
    assert tensor is not None
    shape = tensor.shape
    columns = prod(shape[1:]) or 1
    return sqrt(max(1.0, shape[0] / columns))
