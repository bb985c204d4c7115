"""The rounds of one seed: train, score, mask, rewind, train again; and the control runs beside each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from fanin.analyses.plan import Plan
from fanin.data.seeds import number
from fanin.pruning import stacked
from fanin.pruning.criteria import BEFORE, scores
from fanin.pruning.levels import Levels
from fanin.pruning.masks import Holder, masked
from fanin.pruning.ranking import Units, left_after, shuffled, whole
from fanin.pruning.report import Row
from fanin.pruning.rewinding import Point, held
from fanin.pruning.trainer import Ended, Trainer, Wanted, Work, with_followers
from fanin.pruning.units import Unit, collapsed, unit_of
from fanin.record import record
from fanin.systems.problems import RunFailed
from fanin.systems.training import Loop

State = Mapping[str, Tensor]


@record(eq=False)
class Ticket:
    """What one seed leaves: its weights at the start, the masks of the rounds, the weights after the last."""

    seed: int
    start: dict[str, Tensor]
    masks: tuple[dict[str, Tensor], ...]  # the first is of round 1
    weights: dict[str, Tensor]


class Rounds:
    """The experiment for one seed; ``tell`` gets each row as it is there. What ``levels`` have is not done again."""

    def __init__(self, plan: Plan, work: Work, seed: int, levels: Levels, tell: Callable[[Row], None]) -> None:
        self.plan, self.work, self.seed, self.levels, self.tell = plan, work, seed, levels, tell
        self.trainer = Trainer(work, seed, levels)
        self.sizes = {part.name: part.units for r in plan.rankings for part in r.parts}
        self.runs = plan.experiment.runs

    @cached_property
    def judge(self) -> Loop:
        """The network that weights are scored in; and all that asks for shapes."""
        return self.trainer.loop()

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(weight.numel() for weight in self.judge.system.parameters())

    @cached_property
    def unit(self) -> Unit:
        return unit_of(self.plan, self.judge.system)

    def asked(self, place: int, runs: Sequence[str] | None = None) -> Iterator[Wanted]:
        """What of a round has not been trained, of some runs or all. Controls need what the ticket has left."""
        for run in self.runs if runs is None else runs:
            if (place or run == "ticket") and not self.ended(run, place):
                yield self.wanted(run, place) if place else self.whole

    def ticket(self) -> Ticket:
        """What came out of it."""
        masks = tuple(self._masks(self._stays(place)) for place in range(1, self.plan.rounds + 1))
        weights = self.levels.weights()
        assert weights is not None
        return Ticket(self.seed, held(self.trainer.loop()), masks, weights)

    # ----------------------------------------------------------------------------------------------------- trainings

    @property
    def whole(self) -> Wanted:
        """The training of the whole network."""
        return Wanted("ticket", 0, whole(self.plan), {}, None)

    def wanted(self, run: str, place: int) -> Wanted:
        """The training of a run in a round. The ticket has been through the round before, or for a control this one."""
        stays, point = self._stays(place), None
        if run in ("ticket", "once"):
            point = self._base(run, place)
        if run == "once":
            stays = self._stays(place, run)
        elif run == "random":
            stays = self._shuffled(stays, torch.Generator().manual_seed(number(self.seed, "mask", place, 1)))
        return Wanted(run, place, stays, self._masks(stays), point)

    def note(self, wanted: Wanted, ended: Ended) -> None:
        """Remember a training that has ended, and of a ticket what the next round is to be. Raises RunFailed."""
        levels, place = self.levels, wanted.place
        left = {name: int(kept.sum()) for name, kept in wanted.stays.items()}
        total = sum(len(kept) for kept in wanted.stays.values())
        shared: dict[str, int] = {}
        if wanted.run in ("once", "random"):
            ticket = self._stays(place)
            shared = {name: int((kept & ticket[name]).sum()) for name, kept in wanted.stays.items()}
        row = Row(wanted.run, place, self.seed, sum(left.values()), total, left, ended.measures, shared, ended.line)
        levels.put_row(row)
        self.tell(row)
        if ended.point is not None:
            self._go_on(wanted, ended.point)
        levels.drop_running(wanted.run, place)

    def _go_on(self, wanted: Wanted, end: Point) -> None:
        """Remember where a ticket ended, as far as the next round needs it. Raises RunFailed."""
        levels, place = self.levels, wanted.place
        if self.work.kept_on and place < self.plan.rounds:
            levels.put_point(_end(place), end)
        if place == 0 and "once" in self.runs:
            for later in range(1, self.plan.rounds + 1):
                levels.put_units("once", later, self._decided("once", later, whole(self.plan), end.weights))
        if place == self.plan.rounds:
            levels.put_weights(end.weights)
        else:
            stays = self._decided("ticket", place + 1, wanted.stays, end.weights)
            self._held_up(stays, place + 1)
            levels.put_units("ticket", place + 1, stays)
        if place > 1 or (place == 1 and "once" not in self.runs):
            levels.drop_point(_end(place - 1))

    def ended(self, run: str, place: int) -> bool:
        """Whether a training has ended, and left what goes on from it."""
        row = self.levels.row(run, place)
        if row is None or not row.measures.keys() >= set(self.work.labels):
            return False
        if run != "ticket":
            return True
        if place == self.plan.rounds:
            return self.levels.weights() is not None
        if place == 0 and "once" in self.runs and self.levels.units("once", self.plan.rounds, self.sizes) is None:
            return False
        return self.levels.units("ticket", place + 1, self.sizes) is not None

    def _stays(self, place: int, run: str = "ticket") -> Units:
        found = self.levels.units(run, place, self.sizes)
        assert found is not None, (run, place)
        return found

    def _base(self, run: str, place: int) -> Point:
        """What a round starts from. What goes on with its weights goes on with the data, the random numbers and, unless
        it trains by other rules, the optimisers' state: the steps alone are counted anew."""
        retrain = self.plan.experiment.retrain
        if not self.work.kept_on:
            point = self.levels.point("rewind")
            assert point is not None
            return point if retrain is None else replace(point, stage=0, step=0, steps=0)
        point = self.levels.point(_end(place - 1 if run == "ticket" else 0))
        assert point is not None
        states = point.optimisers if retrain is None or retrain.rule is None else {}
        return replace(point, stage=0, step=0, steps=0, optimisers=states)

    # --------------------------------------------------------------------------------------------------- what goes

    def _decided(self, run: str, place: int, stays: Units, ended: State) -> Units:
        """The units that stay in a round. Synflow takes its way there in many small ones."""
        criterion, left = self.plan.experiment.criterion, left_after(self.plan, place)
        settings = dict(criterion.args)
        judged = self._base(run, place).weights if criterion.name in BEFORE else ended
        before = [int(sum(stays[part.name].sum() for part in r.parts)) for r in self.plan.rankings]
        many = settings.get("rounds", 1) if criterion.name == "synflow" else 1
        for step in range(1, many + 1):
            share = step / many
            counts = [
                goal if step == many else max(goal, round(have * (goal / have) ** share)) if have else 0
                for have, goal in zip(before, left, strict=True)
            ]
            masks = self._masks(stays)
            self.judge.system.load_state_dict(masked(judged, masks))
            Holder(self.judge.system, masks).apply()
            stays = self.unit.choose(counts, stays, scores(criterion.name, settings, self.judge, self.unit, place))
        return stays

    def _held_up(self, stays: Units, place: int) -> None:
        gone = collapsed(self.plan, stays)
        if gone is not None:
            name, left, floor = gone
            raise RunFailed(
                f"`{name}` collapses: in round {place} of seed {self.seed} it would have {left} left, and the floor is "
                f"{floor}",
                help="prune less, or `scope layer`; nothing was trained in this round",
            )

    def _masks(self, stays: Units) -> dict[str, Tensor]:
        return with_followers(self.unit.masks(stays), self.work.system)

    def _shuffled(self, stays: Units, draw: torch.Generator) -> Units:
        if self.plan.unit != "nm":
            return shuffled(stays, draw)
        drawn = {name: torch.rand(len(kept), generator=draw) for name, kept in stays.items()}
        return self.unit.choose([], stays, drawn)


def _end(place: int) -> str:
    """What the snapshot at the end of a round is called."""
    return f"end-{place:03d}"


def together(seeds: Sequence[Rounds], runs: Sequence[str] | None = None) -> None:
    """Take some runs of several seeds to their ends, or all, round by round, side by side.

    Raises RunFailed.
    """
    for place in range(seeds[0].plan.rounds + 1 if seeds else 0):
        asked = [(rounds, wanted) for rounds in seeds for wanted in rounds.asked(place, runs)]
        if seeds[0].trainer.work.settings.one_by_one:
            for rounds, wanted in asked:
                rounds.note(wanted, rounds.trainer.run(wanted))
            continue
        for some in stacked.shares(asked, seeds[0].parameters):
            trainings = [stacked.Ready.now(rounds.trainer.ready(wanted)) for rounds, wanted in some]
            stacked.go(trainings)
            for (rounds, wanted), ready in zip(some, trainings, strict=True):
                rounds.note(wanted, rounds.trainer.ended(wanted, ready.loop))
