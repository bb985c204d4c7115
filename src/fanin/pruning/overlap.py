"""Whether masks are alike: what two of them both keep, next to what two drawn ones of the same counts would.

Units are counted, and the counts of each part are taken as they are: masks that agree on how much of each layer stays,
and on nothing else, are at chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from fanin.record import record

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fanin.analyses.plan import Plan
    from fanin.pruning.ranking import Units
    from fanin.pruning.report import Row
    from fanin.pruning.rounds import Ticket


@record
class Shared:
    """Of two masks, how many units stay in the ``first``, in the ``second`` and in ``both``; ``chance`` is how many
    would be in both, on average, if the places of one of them were drawn.

    Formula: ``first second / units`` of each part, the mean of the hypergeometric distribution.
    """

    first: int
    second: int
    both: int
    chance: float

    def __add__(self, other: Shared) -> Shared:
        return Shared(
            self.first + other.first, self.second + other.second, self.both + other.both, self.chance + other.chance
        )

    @property
    def kept(self) -> float:
        """The share of what a mask keeps that the other keeps too (Dice's coefficient where counts differ)."""
        return _share(2 * self.both, self.first + self.second)

    @property
    def kept_by_chance(self) -> float:
        return _share(2 * self.chance, self.first + self.second)

    @property
    def jaccard(self) -> float:
        """What both keep, as a share of what either keeps."""
        return _share(self.both, self.first + self.second - self.both)

    @property
    def jaccard_by_chance(self) -> float:
        """The same of the mean of what drawn masks share, which is close to the mean of the same."""
        return _share(self.chance, self.first + self.second - self.chance)


Pair = Mapping[str, Shared]
"""By the names of parts, what two masks share of each."""


@record
class Overlap:
    """Pairs of masks of one kind in a round: ``seeds`` (tickets of any two seeds), or the ticket with the run of that
    name; numbers are means over the pairs."""

    kind: str
    round: int
    pairs: tuple[Pair, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.pairs[0])

    def mean(self, number: str, part: str | None = None) -> float:
        """``kept``, ``kept_by_chance``, ``jaccard`` or ``jaccard_by_chance``, of a part or of all together."""
        found = [total(pair) if part is None else pair[part] for pair in self.pairs]
        return math.fsum(getattr(shared, number) for shared in found) / len(found)

    def document(self) -> dict[str, Any]:
        """All of it as data."""
        return {
            "between": self.kind,
            "round": self.round,
            "pairs": len(self.pairs),
            **self._numbers(None),
            "parts": {part: self._numbers(part) for part in self.parts},
        }

    def _numbers(self, part: str | None) -> dict[str, float]:
        return {name: self.mean(name, part) for name in NUMBERS}


NUMBERS = ("kept", "kept_by_chance", "jaccard", "jaccard_by_chance")


def total(pair: Pair) -> Shared:
    """All parts together; chance is still that of each part."""
    return sum(pair.values(), Shared(0, 0, 0, 0.0))


def between(one: Units, other: Units) -> Pair:
    """What two choices of units share."""
    found = {}
    for name, kept in one.items():
        first, second = int(kept.sum()), int(other[name].sum())
        found[name] = Shared(first, second, int((kept & other[name]).sum()), first * second / len(kept))
    return found


def overlaps(plan: Plan, rows: Iterable[Row], tickets: Mapping[int, Ticket]) -> list[Overlap]:
    """Of each round: the tickets of any two seeds, and the ticket with the controls that have masks of their own."""
    found = [
        Overlap("seeds", place, tuple(between(one, other) for one, other in combinations(chosen, 2)))
        for place, chosen in enumerate(zip(*(chosen_units(plan, t.masks) for t in tickets.values()), strict=True), 1)
        if len(chosen) > 1
    ]
    units = {part.name: part.units for ranking in plan.rankings for part in ranking.parts}
    pairs: dict[tuple[str, int], list[Pair]] = {}
    trunk = {}
    for row in sorted(rows, key=lambda r: r.run != "ticket"):
        if row.run == "ticket":
            trunk[row.round, row.seed] = row
        elif row.shared:
            ticket = trunk[row.round, row.seed].parts
            pairs.setdefault((row.run, row.round), []).append(
                {
                    name: Shared(ticket[name], own, row.shared[name], ticket[name] * own / units[name])
                    for name, own in row.parts.items()
                }
            )
    return found + [Overlap(run, place, tuple(several)) for (run, place), several in pairs.items()]


def chosen_units(plan: Plan, masks: Sequence[Mapping[str, Tensor]]) -> list[Units]:
    """The units that stay by the masks of some rounds."""
    from fanin.pruning.units import unit_of

    if not masks:
        return []
    unit = unit_of(plan, cast("nn.Module", _Shapes(masks[0])))
    return [
        {name: kept > 0 for name, kept in unit.sums({key: found[key].float() for key in unit.keys}).items()}
        for found in masks
    ]


class _Shapes:
    """Masks in the place of the parameters that they are of: as units are asked for, only shapes count."""

    def __init__(self, masks: Mapping[str, Tensor]) -> None:
        self.masks = masks

    def get_parameter(self, key: str) -> Tensor:
        return self.masks[key]

    def named_parameters(self) -> Iterable[tuple[str, Tensor]]:
        return self.masks.items()


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
