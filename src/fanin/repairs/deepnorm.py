"""``deepnorm``: where a norm stands behind each residual sum, the skip times α and the layers of a branch times β.

With L branches (2N in an encoder of N layers), ``α = L^(1/4) = (2N)^(1/4)`` and ``β = (4 L)^(-1/4) = (8N)^(-1/4)``.
β is a gain of Xavier's law for values, outputs and both layers of a feed-forward network; queries and keys, which only
weigh, get a gain of 1. Then the update of the function stays bounded at any depth. Source: Wang et al. 2022, figure 2.
"""

from __future__ import annotations

from fanin.diagnostics.model import Edit
from fanin.repairs.branches import Branch, branches, find, sizes
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.laws import number
from fanin.repairs.places import constructor, matrix, set_argument, sites
from fanin.repairs.residual import all_normed
from fanin.repairs.scale_branches import by_text, multiplied
from fanin.signal.analysis import Analysis
from fanin.signal.tape import Step

_WEIGHTS = ("softmax", "log_softmax")


def repair(case: Case) -> Answer:
    found = branches(case)
    if not all_normed(case, found):
        raise Refused("`deepnorm` is for networks with a norm behind each residual sum, and here is a sum without",
                      "residual, gpt, rezero and skipinit scale those")  # fmt: skip
    count = len(found)
    alpha, beta = count**0.25, (4 * count) ** -0.25
    edits: list[Edit] = []
    for span, group in by_text(case, found).items():
        edits += multiplied(case, span, 1 - group[0].side, f"{alpha:.4g}")
    valued = {id(s) for b in found for s in values(case, b)}
    inside = {id(s) for b in found for s in b.layers}
    notes = [f"{count} residual branches: the skip times {count}^(1/4) = {alpha:.4g}, gains of {beta:.4g}"]
    for site in sites(case):
        if not any(id(s) in inside for s in site.steps):
            continue
        name = site.steps[0].path
        if site.steps[0].name == "MultiheadAttention":
            raise Refused(f"{site.span}: `{name}` has values and queries in one weight, which need laws of their own",
                          "write it with `scaled_dot_product_attention`, or take CrossAttention of std")  # fmt: skip
        gain = beta if any(id(s) in valued for s in site.steps) else 1.0
        law = "xavier_normal" if gain == 1 else f"xavier_normal(gain={number(gain)})"
        edits.append(set_argument(constructor(case, site), "init", law))
        if gain != 1 and _weighs(case, site.steps[0]):
            notes.append(f"{site.span}: `{name}` makes queries and keys too, and they get the gain of the values")
    return Answer(tuple(edits), tuple(notes), checks=(_holds,))


def values(case: Case, branch: Branch) -> list[Step]:
    """The layers of a branch that carry what it gives, and not only how it is weighed."""
    inside = {id(s) for s in branch.steps}
    givers = {id(o): s for s in branch.steps for o in s.outputs}
    todo, seen, out = [branch.result], set(), []
    while todo:
        edge = todo.pop()
        step = givers.get(id(edge))
        if step is None or id(step) in seen or id(step) not in inside or step.name in _WEIGHTS:
            continue
        seen.add(id(step))
        if matrix(step) is not None:
            out.append(step)
        inputs = step.inputs[2:3] if step.name == "scaled_dot_product_attention" else step.inputs
        todo += [e for e in inputs if e is not None]
    return out


def _weighs(case: Case, layer: Step) -> bool:
    """Whether what a layer gives is compared in attention."""
    reached, found = {id(o) for o in layer.outputs}, False
    for step in case.analysis.tape.steps:
        if any(id(e) in reached for e in step.inputs) and step is not layer:
            found |= step.name == "scaled_dot_product_attention" and any(id(e) in reached for e in step.inputs[:2])
            if matrix(step) is None and step.name != "scaled_dot_product_attention":
                reached |= {id(o) for o in step.outputs}
    return found


def _holds(analysis: Analysis) -> str | None:
    """A branch may be no larger than the skip, which α makes α times what the norm before gave."""
    for branch in find(analysis.tape.steps):
        known = sizes(analysis, branch)
        if known is not None and known[0] > known[1]:
            return f"the branch of `{branch.sum.path}` would be larger than the skip"
    return None
