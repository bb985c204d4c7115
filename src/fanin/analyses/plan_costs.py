"""What a network costs after each round of a ``prune``, from the spec alone.

A mask changes nothing of what is computed: a network with zeros costs what it did. What an engine that skipped every
zero would still do is a lower bound, and is said as one. Where one ranking goes over several tensors, the FLOPs hang
on which of them lose weights, and are said as the least and the most that they can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod

from fanin.analyses import cost
from fanin.analyses.breakdown import breakdown
from fanin.analyses.conditions import Sizes, example_sizes
from fanin.analyses.plan import Plan, Ranking
from fanin.ir.dims import Dim, evaluate
from fanin.ir.graph import Leaf, Program
from fanin.record import record

WIDTH = 4
"""Bytes of a number."""


@record
class RoundCost:
    """``parameters`` that are there (of a mask: that are not zero), ``bytes`` of parameters and buffers, and FLOPs of
    one application between ``least`` and ``most``; None where no example sizes were found."""

    parameters: int
    bytes: int
    least: int | None
    most: int | None


@record
class Costs:
    """The cost before the first round and after each, at example ``sizes`` of the inputs.

    ``real``: of the network that ``fanin shrink`` leaves; else what a sparse engine would need at least, with a bit for
    each place of a tensor and the numbers that stay. ``why`` says what is not known, where a place has no cost.
    """

    rounds: tuple[RoundCost | None, ...]
    sizes: tuple[tuple[str, int], ...]
    real: bool
    why: str = ""


def dense(program: Program) -> RoundCost:
    """What a network costs as it is."""
    sizes = example_sizes(program)
    held = cost.parameters(program)
    flops = _number(cost.flops(program), sizes)
    return RoundCost(held, WIDTH * (held + cost.buffers(program)), flops, flops)


def named_sizes(program: Program) -> tuple[tuple[str, int], ...]:
    """The example sizes that costs are told at."""
    return tuple((letter.name, size) for letter, size in (example_sizes(program) or {}).items())


def masked_costs(plan: Plan) -> Costs:
    """Of a prune of weights or blocks: the lower bound of a network of which only what is not zero counts."""
    program = plan.program
    whole = dense(program)
    work = _work(program, [part.name for ranking in plan.rankings for part in ranking.parts])
    found = []
    for place in range(plan.rounds + 1):
        gone = sum(
            (ranking.total - ranking.left[place]) * ranking.parts[0].size for ranking in plan.rankings if ranking.parts
        )
        touched = sum(p.units * p.size for r in plan.rankings for p in r.parts if r.left[place] < r.total)
        least = most = whole.least
        if whole.least is not None:
            saved = [_saved(ranking, place, work) for ranking in plan.rankings]
            least = whole.least - round(sum(most for _, most in saved))
            most = whole.least - round(sum(fewest for fewest, _ in saved))
        size = whole.bytes - WIDTH * gone + -(-touched // 8)
        found.append(RoundCost(whole.parameters - gone, size, least, most))
    return Costs(tuple(found), named_sizes(program), real=False)


def _saved(ranking: Ranking, place: int, work: Mapping[str, float]) -> tuple[float, float]:
    """FLOPs that a ranking takes away after a round: at least, and at most."""
    parts = sorted((work.get(part.name, 0.0) * part.size, part.units) for part in ranking.parts)
    gone = ranking.total - ranking.left[place]
    return _taken(parts, gone), _taken(parts[::-1], gone)


def _taken(parts: Sequence[tuple[float, int]], gone: int) -> float:
    """So many units taken from the first parts on."""
    total = 0.0
    for each, units in parts:
        taken = min(units, gone)
        total, gone = total + each * taken, gone - taken
    return total


def _work(program: Program, keys: Sequence[str]) -> dict[str, float]:
    """FLOPs of each weight of some parameters, in all that its layer does. Equal layers of a repetition have the mean.

    What a layer computes without its weights is counted to them: less is left than is said, never more.
    """
    sizes = example_sizes(program)
    exact: dict[str, float] = {}
    folded: list[tuple[re.Pattern[str], float]] = []
    tied: dict[str, float] = {}
    for part in breakdown(program):
        flops = _number(part.flops, sizes)
        if not isinstance(part.instance, Leaf) or not flops:
            continue
        held = [w for w in part.instance.weights if w.spec.kind == "param"]
        matrices = sum(prod(w.spec.shape) for w in held if len(w.spec.shape) > 1)
        own = sum(prod(w.spec.shape) for w in held if w.tied is None)
        places = part.weights.parameters // own if own else 1  # that the row stands for, copies of an ensemble too
        each = flops / max(matrices * places, 1)
        for _, key in part.tied:
            tied[key] = tied.get(key, 0.0) + each
        if "–" in part.path:
            folded.append((_pattern(part.path), each))
        else:
            exact[part.path] = each
    found = {}
    for key in keys:
        path = key.rpartition(".")[0]
        each = exact.get(path, 0.0) or next((each for pattern, each in folded if pattern.fullmatch(path)), 0.0)
        found[key] = each + tied.get(key, 0.0)
    return found


def _pattern(path: str) -> re.Pattern[str]:
    """The paths of equal places: ``layer.0–2.fc`` is three."""

    def numbers(match: re.Match[str]) -> str:
        return "(?:" + "|".join(str(i) for i in range(int(match[1]), int(match[2]) + 1)) + ")"

    return re.compile(re.sub(r"(\d+)–(\d+)", numbers, path.replace(".", r"\.")))


def _number(amount: Dim, sizes: Sizes | None) -> int | None:
    try:
        return evaluate(amount, sizes or {})
    except KeyError:
        return None
