"""``residual``: each branch times one number, so small that the stream grows at most e times.

With ``a = q_f / q_x``, the second moment of what a branch gives over that of the stream, a sum multiplies the stream's
by ``1 + α² a``. ``α² = 1 / Σ a`` over all sums makes the product at most e; where each branch gives as much as it reads
(a = 1), that is ``α = 1 / sqrt(L)``. Behind a norm a branch does not shrink with its input: there the sum is held to e
times the stream as it came in, or times one branch where that is more (embeddings start small). Where the stream
changes between sums (the stages of a ResNet), α is found by halving.
Source: De and Smith 2020; Hanin and Rolnick 2018, theorem 6.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    places = [_place(case, branch, found) for branch in found]
    first = places[0].stream
    scale = max([first, *(p.branch for p in places if p.normed)])
    total = sum(p.branch / (scale if p.normed else p.stream) for p in places)
    if any(p.normed for p in places) and any(p.before is None or p.ratio != 1 for p in places[1:]):
        total = _solved(places, scale / first)
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


@dataclass(frozen=True)
class _Place:
    """A residual sum: the second moments of its branch and its stream, and what they hang on."""

    branch: float
    stream: float
    normed: bool  # the branch gives the same whatever the stream is
    before: int | None  # the sum that the stream comes from, where no norm lies between
    ratio: float = 1.0  # by which the way from there multiplies it


def _place(case: Case, branch: Branch, found: list[Branch]) -> _Place:
    own = sizes(case.analysis, branch)
    if own is None:
        raise Refused(f"the size of the branch of `{branch.sum.path or case.program.name}` is not known")
    normed = any(_is_norm(s.name) for s in branch.steps)
    givers = {id(o): s for s in case.analysis.tape.steps for o in s.outputs}
    sums = {id(b.sum): i for i, b in enumerate(found)}
    step = givers.get(id(branch.skip))
    while step is not None and id(step) not in sums:
        if _is_norm(step.name):
            return _Place(*own, normed, None)
        step = givers.get(id(step.inputs[0])) if step.inputs else None
    if step is None:
        return _Place(*own, normed, None)
    given = known(case.analysis, step.outputs[0])
    ratio = own[1] / given.q if isinstance(given, Signal) and given.q > 0 else 1.0
    return _Place(*own, normed, sums[id(step)], 1.0 if abs(ratio - 1) < 1e-6 else ratio)


def _solved(places: list[_Place], room: float) -> float:
    """``1 / α²`` at which the stream grows 2.3 times in all: a little less than e, since what lies between sums (a
    relu, say) passes streams of other shapes by other shares."""

    def grown(square: float) -> float:
        after: list[float] = []
        out = 1.0
        for p in places:
            x = p.stream if p.before is None else p.ratio * after[p.before]
            f = p.branch if p.normed else p.branch * x / p.stream
            after.append(x + square * f)
            out *= after[-1] / x
        return out

    low, high = 1e-12, 1.0
    if grown(high) <= exp(1) * room:
        return 1.0
    for _ in range(60):
        middle = sqrt(low * high)
        low, high = (middle, high) if grown(middle) < 2.3 * room else (low, middle)
    return 1 / low


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
