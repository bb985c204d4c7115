"""The weights of trainings that run side by side, and what moves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fanin.pruning.masks import WORDS, clipped, keeps_zeros, like
from fanin.pruning.stacking import Program, Value
from fanin.record import record

FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad)
"""These have one kernel for all they do, and take 16 numbers at once or a part of them."""
EACH_NUMBER = (
    *FUSED,
    torch.optim.RMSprop,
    torch.optim.Adadelta,
    torch.optim.Adamax,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.Rprop,
    torch.optim.ASGD,
)
"""These move each number of a weight by its own gradients alone, so they move those of many replicas at once."""


@record(eq=False)
class _Plan:
    """What a line moves: weights by key, with the place of their gradients and whether those of all are one."""

    keys: dict[str, tuple[int, bool]]
    leaves: list[Tensor]  # what gradients are taken in
    masks: list[tuple[int, Tensor]]  # which of the gradients are masked
    moved: list[tuple[Tensor, int, int | None]]  # for the optimiser: by which gradient, or which part of it

    def slope(self, found: Sequence[Tensor | None], key: str, replica: int) -> Tensor | None:
        """The gradient of a weight of one training."""
        place, together = self.keys[key]
        slope = found[place if together else place + replica]
        return slope[replica] if together and slope is not None else slope


class Mover:
    """The parameters and buffers of trainings, which become slices of tensors with the replicas as the first axis."""

    def __init__(self, trainings: Sequence[Any], covers: Callable[[str, str], bool]) -> None:
        """``covers`` is that of their program: whether a target has a path."""
        self.trainings, self.count, self.covers = trainings, len(trainings), covers
        self.systems: list[nn.Module] = [training.system for training in trainings]
        named = [dict([*s.named_parameters(), *s.named_buffers()]) for s in self.systems]
        self.weights = [dict(s.named_parameters()) for s in self.systems]
        self.whole: dict[str, Tensor] = {}
        self.states: dict[str, Value] = {}
        for key in named[0]:
            own = [tensors[key] for tensors in named]
            whole = self.whole[key] = torch.stack([t.detach() for t in own])
            for tensor, part in zip(own, whole, strict=True):
                tensor.data = part
            if key not in self.weights[0]:
                self.states[key] = own
        self._look()
        self.keys = {id(weight): key for key, weight in self.weights[0].items()}
        self.patterns = dict(self._patterns())
        self.words = [(self.whole[key].view(p.dtype), p) for key, p in self.patterns.items()]
        self.clipped = clipped(trainings[0])
        self.optimisers: dict[int, torch.optim.Optimizer | None] = {}
        self.views: dict[tuple[int, str], list[Tensor]] = {}  # what of a weight an optimiser moves, where not the whole
        self.plans: dict[tuple[int, int], _Plan] = {}  # by stage and line
        self.linked: set[int] = set()

    # ------------------------------------------------------------------------------------------------------ the weights

    def begin(self, program: Program) -> None:
        """Get ready for a step: the weights as the program takes them, those that are trained with gradients."""
        for key, weight in self.weights[0].items():
            known = self.states.get(key)
            if known is None:
                together = key in program.together
                known = self.whole[key].detach() if together else [part.detach() for part in self.whole[key]]
                self.states[key] = known
            for leaf in [known] if isinstance(known, Tensor) else known:
                if leaf.requires_grad is not weight.requires_grad:
                    leaf.requires_grad_(weight.requires_grad)
        for number in self.trainings[0].optimisers.keys() - self.optimisers.keys():
            self.optimisers[number] = self._optimiser(number)

    def _patterns(self) -> Iterator[tuple[str, Tensor]]:
        """By key the masks of all replicas, as bits: those that a training has none of are whole."""
        holders = [getattr(training, "holder", None) for training in self.trainings]
        for key, whole in self.whole.items():
            if key not in self.weights[0]:
                continue
            own = [
                None if h is None else h.patterns.get(id(w[key])) for h, w in zip(holders, self.weights, strict=True)
            ]
            if any(pattern is not None for pattern in own):
                full = torch.full(whole.shape[1:], -1, dtype=WORDS[whole.element_size()])
                yield key, torch.stack([full if pattern is None else pattern for pattern in own])

    def _look(self) -> None:
        """The weights are elsewhere: whoever holds those of one training at zero is told."""
        for training in self.trainings:
            if hasattr(training, "holder"):
                training.holder.look()

    def hold(self) -> None:
        """Set what is masked to +0.0."""
        for words, pattern in self.words:
            words.bitwise_and_(pattern)

    # ---------------------------------------------------------------------------------------------------------- a move

    def moved(self, number: int) -> list[str]:
        """The keys of the weights that a line moves."""
        return list(self._plan(number).keys)

    def slopes(self, number: int, loss: Tensor) -> Sequence[Tensor | None]:
        """The gradients of the losses of all trainings in the weights that a line moves."""
        return torch.autograd.grad(loss, self._plan(number).leaves, torch.ones_like(loss), allow_unused=True)

    def move(self, number: int, found: Sequence[Tensor | None]) -> None:
        """Move the weights of a line of all trainings, each by its own gradients."""
        lead = self.trainings[0]
        line, plan, found = lead.lines[number], self._plan(number), list(found)
        for place, bits in plan.masks:
            slope = found[place]
            if slope is not None:
                found[place] = slope = slope.contiguous()  # one number may stand for all
                slope.view(bits.dtype).bitwise_and_(bits)
        share = line.rate(lead.step, lead.lengths[lead.stage]) if "rate" in line._fields else None
        if getattr(line, "clip", None) is not None:
            found = self._shortened(plan, found, line.clip)
        optimiser = self.optimisers[line.optimiser]
        own = [training.optimisers[line.optimiser] for training in self.trainings]
        if share is not None:
            for each in (*own, *([] if optimiser is None else [optimiser])):
                _slow(each, share)
        if optimiser is None:
            for place, (training, each) in enumerate(zip(self.trainings, own, strict=True)):
                weights = self.weights[place]
                for key in plan.keys:
                    weights[key].grad = plan.slope(found, key, place)
                training.update(each)
                for key in plan.keys:
                    weights[key].grad = None
        else:
            for leaf, at, replica in plan.moved:
                slope = found[at]
                if slope is not None:
                    slope = slope if replica is None else slope[replica]
                    leaf.grad = slope if slope.is_contiguous() else slope.contiguous()
            optimiser.step()
            if line.optimiser in self.clipped or not keeps_zeros(optimiser):
                self.hold()
            for leaf, _, _ in plan.moved:
                leaf.grad = None
            if line.optimiser not in self.linked:
                self._link(line.optimiser, optimiser)

    def _shortened(self, plan: _Plan, found: Sequence[Tensor | None], clip: float) -> list[Tensor | None]:
        """The gradients where those of a training together have a norm of at most ``clip``, as in a step of one."""
        shares = []
        for replica in range(self.count):
            own = [plan.slope(found, key, replica) for key in plan.keys]
            norm = nn.utils.get_total_norm([slope for slope in own if slope is not None])
            shares.append(torch.clamp(clip / (norm + 1e-6), max=1.0))
        each, shorter = torch.stack(shares), list(found)
        for place, together in plan.keys.values():
            for replica in range(1 if together else self.count):
                slope = found[place + replica]
                if slope is not None:
                    by = each.view(-1, *[1] * (slope.ndim - 1)) if together else shares[replica]
                    shorter[place + replica] = slope * by
        return shorter

    def _plan(self, number: int) -> _Plan:
        """What a line moves in this stage."""
        lead = self.trainings[0]
        known = self.plans.get((lead.stage, number))
        if known is None:
            known = self.plans[lead.stage, number] = _Plan({}, [], [], [])
            optimiser = lead.lines[number].optimiser
            for weight in lead.moved[number]:
                key, place = self.keys[id(weight)], len(known.leaves)
                value, bits = self.states[key], self.patterns.get(key)
                together = isinstance(value, Tensor)
                known.keys[key] = place, together
                known.leaves.extend([value] if isinstance(value, Tensor) else value)
                if bits is not None:
                    known.masks.extend([(place, bits)] if together else [(place + r, b) for r, b in enumerate(bits)])
                moved = self._moved(optimiser, key)
                if together:
                    replicas = range(self.count) if (optimiser, key) in self.views else [None]
                    known.moved.extend((leaf, place, r) for leaf, r in zip(moved, replicas, strict=True))
                else:
                    known.moved.extend((leaf, place + r, None) for r, leaf in enumerate(moved))
        return known

    def _moved(self, number: int, key: str) -> Sequence[Tensor]:
        """The tensors that an optimiser, by its number, moves of a weight."""
        value = self.states[key]
        if not isinstance(value, Tensor):
            return value
        return self.views.get((number, key), [value])

    def _optimiser(self, number: int) -> torch.optim.Optimizer | None:
        """One optimiser for all replicas, or None where each needs its own.

        It takes a weight of all of them as one where its numbers fill whole vectors in each: what is left over is
        rounded another way, and would be somewhere else in company.
        """
        first = self.trainings[0].optimisers[number]
        if type(first) not in EACH_NUMBER:
            return None
        rule = next(line.rule for stage in self.trainings[0].stages for line in stage.lines if line.optimiser == number)
        groups = []
        for group in first.param_groups:
            full = 16 if group.get("fused") else 64
            keys = [self.keys[id(weight)] for weight in group["params"]]
            for key in keys:
                whole = self.whole[key]
                if isinstance(self.states[key], Tensor) and whole[0].numel() % full:
                    self.views[number, key] = [part.detach() for part in whole]
            groups.append({**group, "params": [leaf for key in keys for leaf in self._moved(number, key)]})
        made: torch.optim.Optimizer = rule(groups[0]["params"])
        made.param_groups = groups
        self._take_over(number, made)
        return made

    def _take_over(self, number: int, made: torch.optim.Optimizer) -> None:
        """Go on with the moments that the trainings have."""
        own = [training.optimisers[number].state for training in self.trainings]
        for key, weight in self.weights[0].items():
            if weight not in own[0] or not own[0][weight]:
                continue
            states = [state[weights[key]] for state, weights in zip(own, self.weights, strict=True)]
            leaves = self._moved(number, key)
            if len(leaves) == self.count and leaves[0].shape == weight.shape:
                for leaf, state in zip(leaves, states, strict=True):
                    made.state[leaf] = dict(state)
            else:
                made.state[leaves[0]] = {
                    name: torch.stack([state[name] for state in states]) if like(value, weight) else value
                    for name, value in states[0].items()
                }

    def _link(self, number: int, optimiser: torch.optim.Optimizer) -> None:
        """Let the optimisers of the trainings have the moments that this one keeps of them, as slices."""
        self.linked.add(number)
        for group in self.trainings[0].optimisers[number].param_groups:
            for first in group["params"]:
                key = self.keys[id(first)]
                leaves = self._moved(number, key)
                alone = len(leaves) == self.count and leaves[0].shape == first.shape
                for replica, (training, weights) in enumerate(zip(self.trainings, self.weights, strict=True)):
                    state = optimiser.state.get(leaves[replica] if alone else leaves[0], {})
                    if state:
                        training.optimisers[number].state[weights[key]] = {
                            name: v[replica]
                            if not alone and isinstance(v, Tensor) and v.shape == leaves[0].shape
                            else v
                            for name, v in state.items()
                        }
                        continue
                    self.linked.discard(number)  # there will be some when it has a gradient

    # ------------------------------------------------------------------------------------------------- after the moves

    def follow(self, due: Sequence[int]) -> None:
        """Followers go after what has moved, as in a step of one."""
        lead = self.trainings[0]
        targets = [target for number in due for target in lead.lines[number].targets]
        for follower in getattr(lead, "followers", ()):
            moved = any(self.covers(t, follower.of) or self.covers(follower.of, t) for t in targets)
            taken = getattr(follower, "at", None) is not None  # when a stage begins
            if moved and not taken and (lead.step + 1) % follower.every == 0:
                for training in self.trainings:
                    training.follow(follower, follower.share)

    def count_on(self) -> None:
        """One step more; at the end of a stage on to the next."""
        for training in self.trainings:
            training.step += 1
            if training.step == training.lengths[training.stage]:
                training.leave()

    def release(self) -> None:
        """Give each training tensors of its own."""
        for replica, system in enumerate(self.systems):
            for key, tensor in [*system.named_parameters(), *system.named_buffers()]:
                tensor.data = self.whole[key][replica].clone()
        self._look()
        for training in self.trainings:
            for optimiser in training.optimisers.values():
                for weight, state in optimiser.state.items():
                    optimiser.state[weight] = {
                        name: v.clone() if isinstance(v, Tensor) else v for name, v in state.items()
                    }


def _slow(optimiser: torch.optim.Optimizer, share: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * share
