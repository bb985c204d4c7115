"""What a ``prune`` will remove, round by round, from the spec alone: counts, and where nothing would be left.

A rate is of what is left in its scope, and exactly ⌊rate · left + ½⌋ go. Where one ranking goes over several tensors,
how many go from each is known when there are weights; how many go in all is known now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, prod
from typing import TYPE_CHECKING

from fanin.analyses.paths import join, walk
from fanin.ir.experiment import Experiment, Rate, Removal
from fanin.ir.graph import Leaf, Program
from fanin.ir.recipe import System, Target
from fanin.record import record

if TYPE_CHECKING:
    from fanin.analyses.couplings import Coupled

STRUCTURED = ("neuron", "channel", "head")


@record
class Part:
    """What is ranked piece by piece: a tensor, or a group of entries. It has ``units`` of ``size`` weights."""

    name: str
    units: int
    size: int


@record
class Ranking:
    """Parts that are ranked together; ``left`` are their units before the first round and after each."""

    parts: tuple[Part, ...]
    rate: str  # as it was said for them; empty for that of the round
    left: tuple[int, ...]

    @property
    def total(self) -> int:
        return self.left[0]


@record
class Collapse:
    """A part of which less than the floor is left, for certain, after a round."""

    name: str
    round: int
    left: int
    floor: int


@record
class Plan:
    """``exact`` parts have a ranking of their own, and so a known number of units after each round."""

    experiment: Experiment
    program: Program
    unit: str
    rankings: tuple[Ranking, ...]
    skipped: tuple[str, ...]  # parameters that are never pruned, or excepted
    collapses: tuple[Collapse, ...]
    rounds: int

    @property
    def left(self) -> tuple[int, ...]:
        """Units left in all, before the first round and after each."""
        return tuple(sum(r.left[i] for r in self.rankings) for i in range(self.rounds + 1))

    @property
    def trainings(self) -> int:
        """How many times a network is trained."""
        return len(self.experiment.seeds) * (1 + self.rounds * len(self.experiment.runs))


def plan(experiment: Experiment) -> Plan:
    """The plan of an experiment. Raises ValueError where its unit cannot be counted without weights."""
    program = experiment.of.program if isinstance(experiment.of, System) else experiment.of
    unit = experiment.unit.name
    parts, skipped = _structured(experiment, program) if unit in STRUCTURED else _weights(experiment, program)
    rankings = tuple(_rankings(experiment, parts))
    removal = experiment.removal
    collapses = tuple(_collapses(experiment, rankings))
    return Plan(experiment, program, unit, rankings, tuple(skipped), collapses, removal.rounds)


# ------------------------------------------------------------------------------------------------------ what is pruned


def _weights(experiment: Experiment, program: Program) -> tuple[list[Part], list[str]]:
    """Weights with roles in and out, and what a ``rate`` names besides.

    Not what is excepted, tied or frozen, or what no line trains.
    """
    found: list[Part] = []
    skipped: list[str] = []
    per = _per_unit(experiment)
    for place in walk(program):
        if not isinstance(place.instance, Leaf):
            continue
        for w in place.instance.weights:
            if w.spec.kind != "param" or w.tied is not None:
                continue
            key = join(place.path, w.spec.name)
            roles = [axis.role for axis in w.spec.axes]
            usual = "in" in roles and ("out" in roles or "gate" in roles)
            named = any(_names(rate.target, key) for rate in experiment.rates)
            excepted = any(target.covers(key) for target in experiment.kept)
            size = prod(w.spec.shape) * prod(place.copies)
            still = place.instance.frozen or not _trained(experiment.of, key)
            if excepted or still or not (usual or named) or size < per:
                skipped.append(key)
            else:
                found.append(Part(key, size // per, per))
    return found, skipped


def _trained(of: System | Program, key: str) -> bool:
    """Whether a line of a system moves a parameter; nothing is known of a model."""
    return not isinstance(of, System) or any(t.covers(key) for line in of.every_line() for t in line.targets)


def _names(target: Target, key: str) -> bool:
    """Whether a path is that of a parameter, and not of a layer that has it."""
    return target.covers(key) and target.path.count(".") == key.count(".")


def _per_unit(experiment: Experiment) -> int:
    unit = experiment.unit
    if unit.name == "block":
        return int(unit["rows"]) * int(unit["columns"])
    return 1


def _structured(experiment: Experiment, program: Program) -> tuple[list[Part], list[str]]:
    """Groups of entries: units of dense and recurrent layers, channels of convolutions, or heads."""
    from fanin.analyses.couplings import couplings

    coupled = couplings(program)
    heads = _heads(coupled)
    found: list[Part] = []
    skipped: list[str] = []
    for group in coupled.groups:
        key = group.members[0].key
        excepted = any(target.covers(m.key) for target in experiment.kept for m in group.members)
        kind = "head" if id(group.space) in heads else "channel" if _convolved(coupled, key) else "neuron"
        if kind != experiment.unit.name or excepted:
            skipped.append(group.name)
            continue
        numbers = sum(_numbers(coupled, m.key) // group.size for m in group.members)
        found.append(Part(group.name, group.size, numbers))
    return found, skipped


def _heads(coupled: Coupled) -> set[int]:
    """The spaces of heads: the axis before rows and columns of attention."""
    from fanin.analyses.couplings.spaces import find, runs

    found: set[int] = set()
    for use in coupled.applied:
        name = use.node.op.name
        if name == "MultiheadAttention":
            spaces = [use.letters.get("h")]
        elif name == "scaled_dot_product_attention":
            last = max(
                (n for n in use.letters if n[0] == "b" and n[1:].isdigit()), key=lambda n: int(n[1:]), default=""
            )
            spaces = [use.letters.get("kv"), use.letters.get(last)]
        else:
            continue
        found |= {id(find(run)) for space in spaces if space is not None for run in runs(space)}
    return found


def _convolved(coupled: Coupled, key: str) -> bool:
    return len(coupled.params[key]) > 2


def _numbers(coupled: Coupled, key: str) -> int:
    return prod(space.size for space, _ in coupled.params[key] if space is not None)


# -------------------------------------------------------------------------------------------------------- how much goes


def _rankings(experiment: Experiment, parts: list[Part]) -> Iterator[Ranking]:
    """Parts by what is ranked together: the scope's, and what a rate of its own sets apart."""
    buckets: dict[tuple[str, int], list[Part]] = {}
    for part in parts:
        scope = _scope(experiment, part.name)
        if scope is not None:
            buckets.setdefault((scope, _own_rate(experiment, part.name)), []).append(part)
    for (_, own), together in buckets.items():
        rate = experiment.rates[own] if own >= 0 else None
        total = sum(part.units for part in together)
        said = "" if rate is None else "half" if rate.rate is None else f"{rate.rate:.4g}"
        yield Ranking(tuple(together), said, tuple(_left(experiment, total, rate)))


def _scope(experiment: Experiment, key: str) -> str | None:
    if experiment.scope == "global":
        return ""
    if experiment.scope == "layer":
        return key
    found = _longest(experiment.parts, key)
    return None if found < 0 else experiment.parts[found].path


def _own_rate(experiment: Experiment, key: str) -> int:
    return _longest([rate.target for rate in experiment.rates], key)


def _longest(targets: Iterable[Target], key: str) -> int:
    """The number of the target that covers a key and is the longest; -1 for none."""
    covering = [(len(t.path.split(".")), -i) for i, t in enumerate(targets) if t.covers(key)]
    return -max(covering)[1] if covering else -1


def _left(experiment: Experiment, total: int, own: Rate | None) -> Iterator[int]:
    """Units left before the first round and after each."""
    removal = experiment.removal
    paced = removal.kind in ("to", "gradually")
    left = total
    yield left
    for number in range(1, removal.rounds + 1):
        if paced and own is None:
            left = min(left, int(total * _density(removal, number) + 0.5))
        else:
            rate = Fraction(str(removal.rate))
            if paced:
                rate = Fraction(1 - _density(removal, number) / _density(removal, number - 1))
            if own is not None:
                rate = rate / 2 if own.rate is None else Fraction(str(own.rate))
            left -= int(rate * left + Fraction(1, 2))
        yield left


def _density(removal: Removal, number: int) -> float:
    """The share of all that is left after a round.

    What is gone "gradually" follows a cubic: s (1 - (1 - t)³) of it after a share t of the rounds, with s in the end
    (Zhu and Gupta 2017, "To prune, or not to prune", section 3).
    """
    if removal.kind == "gradually":
        return float(removal.rate + (1 - removal.rate) * (1 - number / removal.rounds) ** 3)
    return float(removal.rate ** (number / removal.rounds))


def _collapses(experiment: Experiment, rankings: Iterable[Ranking]) -> Iterator[Collapse]:
    """Where less is left than the floors of all parts of a ranking together."""
    share = experiment.floor
    for ranking in rankings:
        floor = sum(max(1, ceil(Fraction(str(share)) * p.units) if share else 1) for p in ranking.parts)
        at = next((i for i, left in enumerate(ranking.left) if left < floor), None)
        if at is not None:
            name = ranking.parts[0].name if len(ranking.parts) == 1 else f"{len(ranking.parts)} parts together"
            yield Collapse(name, at, ranking.left[at], floor)
