"""``fixup``: the last layer of each residual branch starts at 0, the others smaller the more branches there are.

He's law times ``L^(-1 / (2m - 2))`` for L branches of m layers, the classifier at 0, as ``init=fixup`` says it
(``elaborate/fixup.py``). It is for networks without norms. Source: Zhang, Dauphin and Ma 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

from fanin.diagnostics.model import Edit
from fanin.repairs.attributes import set_init
from fanin.repairs.branches import Branch, branches
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.chosen import matrices, own_laws
from fanin.repairs.laws import number
from fanin.repairs.places import constructor, matrix, set_argument, sites
from fanin.repairs.rezero import closed


def repair(case: Case) -> Answer:
    found = branches(case)
    norm = next((s for s in case.analysis.tape.steps if "norm" in s.name.lower() and s.weights), None)
    if norm is not None:
        raise Refused(f"`fixup` is for networks without norms, and `{norm.path}` is a {norm.name}",
                      "take the norms out first, or use residual, rezero or skipinit")  # fmt: skip
    kept = own_laws(case, sites(case))
    notes = [f"{len(found)} residual branches: the last layer of each and the classifier start at 0"]
    notes += [f"{s.span}: `{s.steps[0].path}` keeps the initialiser that is written at it" for s in kept]
    notes.append("the paper also has scalar biases and a scale in each branch: specs/without_norm.arch writes them out")
    at_each = any(t.home is case.program.graph for b in found for s in b.layers if (t := matrix(s)) is not None)
    edits, more = (_each if at_each else _above)(case, found)
    return Answer(tuple(edits), tuple(notes + more), checks=(closed,))


def _above(case: Case, found: Sequence[Branch]) -> tuple[list[Edit], list[str]]:
    """``@init(linear=fixup)``, where branches are blocks; He's law for what is on a skip."""
    inside = {id(s) for b in found for s in b.steps}
    shortcut = {id(s) for b in found for s in _on_the_skip(case, b.skip, inside)}
    families = {s.weight.spec.family for s in sites(case) if s.weight.spec is not None}
    laws: dict[str, str | None] = {family: "fixup" for family in ("linear", "conv") if family in families}
    edits = [set_init(case, {**laws, "bias": "zeros"})]
    notes = []
    for site in sites(case):
        if any(id(step) in shortcut for step in site.steps):
            edits.append(set_argument(constructor(case, site), "init", "he_normal"))
            notes.append(f"{site.span}: `{site.steps[0].path}` lies on the skip, and gets He's law")
    return edits, notes


def _each(case: Case, found: Sequence[Branch]) -> tuple[list[Edit], list[str]]:
    """The law at every layer, where branches stand in the model itself."""
    laws = {}
    for branch in found:
        layers = branch.layers
        for step in layers[:-1]:
            laws[id(step)] = f"he_normal(gain={number(len(found) ** (-1 / (2 * len(layers) - 2)))})"
        laws[id(layers[-1])] = "zeros"
    places = matrices(case, sites(case))
    last = places[-1].steps[-1]
    laws.setdefault(id(last), "zeros")
    edits = []
    for site in places:
        own = {laws.get(id(step), "he_normal") for step in site.steps}
        if len(own) > 1:
            raise Refused(f"{site.span}: `{site.span.text}` makes layers that start in several ways",
                          "give each a constructor of its own")  # fmt: skip
        edits.append(set_argument(constructor(case, site), "init", own.pop()))
    return edits, []


def _on_the_skip(case: Case, edge: object, inside: set[int]) -> list[object]:
    """The layer on a skip, where there is one right before the sum."""
    for step in case.analysis.tape.steps:
        if any(o is edge for o in step.outputs) and step.weights and id(step) not in inside:
            return [step]
    return []
