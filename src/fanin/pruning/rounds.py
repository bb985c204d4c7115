"""The rounds of one seed: train, score, mask, rewind, train again; and the control runs beside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from fanin.analyses.plan import Plan
from fanin.data.seeds import number
from fanin.pruning.criteria import BEFORE, scores
from fanin.pruning.masks import Holder, masked
from fanin.pruning.ranking import Units, left_after, shuffled, whole
from fanin.pruning.report import Row
from fanin.pruning.retraining import at_the_end
from fanin.pruning.rewinding import Point, held
from fanin.pruning.trainer import Trainer, Work, with_followers
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
    """The experiment for one seed; ``tell`` gets each row as it is there."""

    def __init__(self, plan: Plan, work: Work, seed: int, tell: Callable[[Row], None]) -> None:
        self.plan, self.work, self.seed, self.tell = plan, work, seed, tell
        self.trainer = Trainer(work, seed)
        self.judge = self.trainer.loop()
        self.unit: Unit = unit_of(plan, self.judge.system)

    def go(self) -> Ticket:
        """Run it. Raises RunFailed."""
        plan, experiment = self.plan, self.plan.experiment
        kept_on = experiment.rewind[0] in ("none", "rate")
        loop, start, point = self.trainer.dense(experiment.rewind)
        self._row("ticket", 0, loop, whole(plan))
        dense = ended = held(loop)
        stays = whole(plan)
        found: list[dict[str, Tensor]] = []
        for place in range(1, plan.rounds + 1):
            base = replace(start, weights=ended) if kept_on else point
            stays = self._decided(place, stays, left_after(plan, place), ended, base.weights)
            self._held_up(stays, place)
            masks = self._masks(stays)
            loop = self._trained(masks, base)
            self._row("ticket", place, loop, stays)
            ended = held(loop)
            found.append(masks)
            for control in experiment.controls:
                if control != "dense":
                    own = replace(start, weights=dense) if kept_on else point
                    self._control(control, place, stays, masks, dense, own)
        return Ticket(self.seed, start.weights, tuple(found), ended)

    # --------------------------------------------------------------------------------------------------- what goes

    def _decided(self, place: int, stays: Units, left: list[int], ended: State, base: State) -> Units:
        """The units that stay after a round. Synflow takes its way there in many small ones."""
        criterion = self.plan.experiment.criterion
        settings = dict(criterion.args)
        before = [int(sum(stays[part.name].sum() for part in r.parts)) for r in self.plan.rankings]
        many = settings.get("rounds", 1) if criterion.name == "synflow" else 1
        for step in range(1, many + 1):
            share = step / many
            counts = [
                goal if step == many else max(goal, round(have * (goal / have) ** share)) if have else 0
                for have, goal in zip(before, left, strict=True)
            ]
            masks = self._masks(stays)
            self.judge.system.load_state_dict(masked(base if criterion.name in BEFORE else ended, masks))
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

    # ---------------------------------------------------------------------------------------------------- trainings

    def _trained(self, masks: dict[str, Tensor], point: Point) -> Loop:
        loop = self._fresh()
        own = point if not self._apart else replace(point, stage=0, step=0, steps=0)
        self.trainer.train(loop, masks, own)
        return loop

    @property
    def _apart(self) -> bool:
        """Whether rounds count their own steps: a training of another length, or by other rules."""
        return self.plan.experiment.retrain is not None

    def _fresh(self) -> Loop:
        loop = self.trainer.loop(again=True)
        retrain = self.plan.experiment.retrain
        if self.plan.experiment.rewind[0] == "none" and (retrain is None or retrain.rule is None):
            at_the_end(loop.training)
        return loop

    def _control(
        self, control: str, place: int, stays: Units, masks: dict[str, Tensor], dense: State, point: Point
    ) -> None:
        own = stays
        if control == "once":
            own = self._decided(place, whole(self.plan), left_after(self.plan, place), dense, point.weights)
            loop = self._trained(self._masks(own), point)
        else:
            if control == "random":
                draw = torch.Generator().manual_seed(number(self.seed, "mask", place, 1))
                own = self._shuffled(stays, draw)
                masks = self._masks(own)
            loop = self.trainer.loop(again=True)
            self.trainer.redrawn(loop, place)
            self.trainer.train(loop, masks)
        self._row(control, place, loop, own, None if own is stays else stays)

    def _shuffled(self, stays: Units, draw: torch.Generator) -> Units:
        if self.plan.unit != "nm":
            return shuffled(stays, draw)
        drawn = {name: torch.rand(len(kept), generator=draw) for name, kept in stays.items()}
        return self.unit.choose([], stays, drawn)

    def _row(self, run: str, place: int, loop: Loop, stays: Units, ticket: Units | None = None) -> None:
        """Tell of a training; ``ticket`` is what stays in that of the trunk, where this one has a mask of its own."""
        left = {name: int(kept.sum()) for name, kept in stays.items()}
        total = sum(len(kept) for kept in stays.values())
        shared = {} if ticket is None else {name: int((kept & ticket[name]).sum()) for name, kept in stays.items()}
        self.tell(Row(run, place, self.seed, sum(left.values()), total, left, self.trainer.measure(loop), shared))
