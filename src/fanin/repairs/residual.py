"""``residual``: each branch times one number, so small that the stream grows at most e times.

With ``a = q_f / q_x``, the second moment of what a branch gives over that of the stream, a sum multiplies the stream's
by ``1 + α² a``. ``α² = 1 / Σ a`` over all sums makes the product at most e; where each branch gives as much as it reads
(a = 1), that is ``α = 1 / sqrt(L)``. Behind a norm a branch does not shrink with its
input: there the sum is held to e times the stream as it came in, or times one branch where that is more (embeddings
start small). Source: De and Smith 2020; Hanin and Rolnick 2018, theorem 6.
"""

from __future__ import annotations

from math import exp, log, sqrt

from fanin.diagnostics.model import Edit
from fanin.repairs.branches import Branch, branches, find, sizes
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.scale_branches import by_text, multiplied
from fanin.signal.analysis import Analysis, known
from fanin.signal.state import Signal

_NORMED = "what every residual sum gives goes through a norm, so that the stream does not grow"


def repair(case: Case) -> Answer:
    found = branches(case)
    if all_normed(case, found):
        raise Refused(_NORMED, "deepnorm scales post-norm networks")
    known_sizes = []
    for branch in found:
        own = sizes(case.analysis, branch)
        if own is None:
            raise Refused(f"the size of the branch of `{branch.sum.path or case.program.name}` is not known")
        known_sizes.append((*own, any(_is_norm(s.name) for s in branch.steps)))
    first = known_sizes[0][1]
    scale = max([first, *(f for f, _, fixed in known_sizes if fixed)])
    total = sum(f / (scale if fixed else x) for f, x, fixed in known_sizes)
    if total <= 1:
        raise Refused(f"the stream's second moment grows {growth(case.analysis):.3g} times, and not more than e times")
    alpha = sqrt(1 / total)
    even = round(total) > 1 and abs(total - round(total)) < 1e-3 * total
    text = f"1 / sqrt({round(total)})" if even else f"{alpha:.4g}"
    edits: tuple[Edit, ...] = ()
    for span, group in by_text(case, found).items():
        shown = f"({text})" if even else text
        edits += multiplied(case, span, group[0].side, shown)
    note = f"{len(found)} residual branches, each times {text}{f' = {alpha:.4g}' if even else ''}"
    return Answer(edits, (note,), checks=(lambda analysis: _holds(analysis, scale / first),))


def _is_norm(name: str) -> bool:
    return "norm" in name.lower()


def all_normed(case: Case, found: list[Branch]) -> bool:
    """Whether a norm stands behind each residual sum."""
    return all(_normed(case, id(b.sum.outputs[0])) for b in found)


def _normed(case: Case, edge: int) -> bool:
    readers = [s for s in case.analysis.tape.steps if any(id(e) == edge for e in s.inputs)]
    return bool(readers) and all(_is_norm(s.name) for s in readers)


def growth(analysis: Analysis) -> float:
    """By how much all residual sums together multiply the second moment of the stream."""
    total = 0.0
    for branch in find(analysis.tape.steps):
        f, x = known(analysis, branch.result), known(analysis, branch.skip)
        if isinstance(f, Signal) and isinstance(x, Signal) and x.q > 0:
            total += log(1 + f.q / x.q)
    return exp(total)


def _holds(analysis: Analysis, room: float) -> str | None:
    grown = growth(analysis)
    return f"the stream would still grow {grown:.3g} times" if grown > 1.02 * exp(1) * room else None
