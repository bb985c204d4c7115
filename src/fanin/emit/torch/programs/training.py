"""Training, one step at a time: printed into what a system compiles to, as far as that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


def constant(step: int, steps: int, warmup: int = 0) -> float:
    """The full learning rate, after a linear rise over the steps of ``warmup``."""
    return min(1.0, (step + 1) / max(warmup, 1))


def linear(step: int, steps: int, warmup: int = 0, after: int = 0, to: float = 0.0) -> float:
    """The full rate up to step ``after``, then a straight line to the share ``to`` at the end."""
    start = max(after, warmup)
    return constant(step, steps, warmup) * (1 - (1 - to) * _done(step, start, steps))


def cosine(step: int, steps: int, warmup: int = 0, to: float = 0.0) -> float:
    """Half a cosine, from the full rate after ``warmup`` to the share ``to`` at the end."""
    share = to + (1 - to) * (1 + math.cos(math.pi * _done(step, warmup, steps))) / 2
    return constant(step, steps, warmup) * share


def milestones(step: int, steps: int, at: Sequence[int], factor: float, warmup: int = 0) -> float:
    """A factor of its own at each of these steps."""
    return constant(step, steps, warmup) * factor ** sum(step >= each for each in at)


def staircase(step: int, steps: int, every: int, factor: float, warmup: int = 0) -> float:
    """A factor of its own at each ``every`` steps."""
    return constant(step, steps, warmup) * factor ** (step // every)


def exponential(step: int, steps: int, factor: float, warmup: int = 0) -> float:
    """A factor at every step."""
    return constant(step, steps, warmup) * factor ** max(step - warmup, 0)


def inverse_sqrt(step: int, steps: int, warmup: int) -> float:
    """Up in a straight line over ``warmup`` steps, then down as one over the root of the step."""
    return min((step + 1) / max(warmup, 1), math.sqrt(max(warmup, 1) / (step + 1)))


def _done(step: int, start: int, steps: int) -> float:
    return min(max(step - start, 0) / max(steps - start, 1), 1.0)


class Line(NamedTuple):
    """Weights that an optimiser moves on a loss."""

    loss: str
    targets: tuple[str, ...]  # paths in which a `*` is one level
    optimiser: int  # lines of one number share its state
    rule: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    # [rate]
    rate: Callable[[int, int], float] = constant  # the share of its learning rate at a step
    # [every]
    every: int = 1
    # [clip]
    clip: float | None = None  # the largest norm of all its gradients together
    # [accumulate]
    accumulate: int = 1  # batches for one update
    # [decay]
    decay: tuple[str, ...] = ()  # the paths that decay; without one, all of them
    # [always]


class Stage(NamedTuple):
    """A part of the training: its lines, and which method of the system is for those due."""

    name: str
    length: int
    # [epochs]
    unit: str  # epochs or steps
    # [always]
    lines: tuple[Line, ...]
    methods: dict[tuple[int, ...], str]
    # [growth]
    grown: Callable[[], nn.Module] | None = None  # what the system grows into, as the stage begins
    # [always]


class Follower(NamedTuple):
    """A module that follows another after steps that train it: a share of the way, or in leaps."""

    path: str
    of: str
    share: float = 1.0
    every: int = 1
    # [taken]
    at: str | None = None  # the stage before which it becomes a copy, and at no other time
    # [always]


class Ramp(NamedTuple):
    """A number that moves in a straight line over so many steps of a stage."""

    start: float
    stop: float
    steps: int


class Training:
    """A system in training. Called with the tensors of a batch it takes a step.

    All that it has to remember is in ``state_dict``.
    """

    def __init__(
        self,
        system: nn.Module,
        stages: Sequence[Stage],
        # [followers]
        followers: Sequence[Follower] = (),
        # [ramps]
        ramps: Sequence[Ramp] = (),
        # [updates]
        by_hand: Sequence[str] = (),  # parameters that the steps themselves move
        # [epochs]
        *,
        epoch: int,
        # [always]
    ) -> None:
        self.system, self.stages = system, tuple(stages)
        # [followers]
        self.followers = followers
        # [ramps]
        self.ramps = ramps
        # [updates]
        self.by_hand = frozenset(by_hand)
        # [epochs]
        self.lengths = [s.length * (epoch if s.unit == "epochs" else 1) for s in stages]
        # [no epochs]
        self.lengths = [stage.length for stage in stages]
        # [always]
        self.stage, self.step = 0, 0
        self.prepare()
        # [followers]
        for follower in followers:
            self.follow(follower, 1.0)
        # [always]
        self.begin()

    @property
    def done(self) -> bool:
        """Whether all stages have had their steps."""
        return self.stage == len(self.stages)

    def prepare(self) -> None:
        """Make the optimisers; one that has several lines moves the weights of all of them."""
        self.fixed = {
            name for name, weight in self.system.named_parameters() if not weight.requires_grad
        }
        rules: dict[int, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {}
        moved: dict[int, dict[nn.Parameter, None]] = {}
        for line in (line for stage in self.stages for line in stage.lines):
            rules.setdefault(line.optimiser, line.rule)
            moved.setdefault(line.optimiser, {}).update(dict.fromkeys(self.weights(line)))
        self.optimisers = {number: rule(list(moved[number])) for number, rule in rules.items()}
        # [decay]
        names = {weight: name for name, weight in self.system.named_parameters()}
        decays = {line.optimiser: line.decay for stage in self.stages for line in stage.lines}
        for number, optimiser in self.optimisers.items():
            if decays[number]:
                group = optimiser.param_groups[0]
                rest = [
                    w
                    for w in group["params"]
                    if not any(covers(p, names[w]) for p in decays[number])
                ]
                group["params"] = [
                    w for w in group["params"] if all(w is not other for other in rest)
                ]
                optimiser.add_param_group({"params": rest, "weight_decay": 0.0})
        # [rate]
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["initial_lr"] = group["lr"]
        # [always]

    def begin(self) -> None:
        """Begin a stage: what it does not train gets no gradient, and runs as in evaluation."""
        if self.done:
            return
        self.lines = self.stages[self.stage].lines
        self.moved = [self.weights(line) for line in self.lines]
        # [accumulate]
        self.sums: list[list[Tensor | None] | None] = [None] * len(self.lines)
        # [always]
        self.trained = {id(weight) for weights in self.moved for weight in weights}
        # [updates]
        self.trained |= {id(self.system.get_parameter(name)) for name in self.by_hand}
        # [always]
        for name, weight in self.system.named_parameters():
            weight.requires_grad_(id(weight) in self.trained and name not in self.fixed)
        self.mode()

    def mode(self) -> None:
        """Put what is trained in training mode, and the rest in that of evaluation."""
        self.system.train()
        for module in self.system.modules():
            own = [id(weight) for weight in module.parameters()]
            if own and self.trained.isdisjoint(own):
                module.eval()
        # [followers]
        for follower in self.followers:  # they run as what they follow
            self.system.get_submodule(follower.path).train(
                self.system.get_submodule(follower.of).training
            )
        # [always]

    # [growth]
    def grow(self, system: nn.Module) -> None:
        """Go on with another system.

        Every weight whose path and shape agree is carried over, with its optimiser's state.
        """
        before = dict(self.system.named_parameters()) | dict(self.system.named_buffers())
        states = {number: dict(o.state) for number, o in self.optimisers.items()}
        like = next(self.system.parameters())
        self.system = system.to(like.device, like.dtype)
        self.prepare()
        with torch.no_grad():
            for name, tensor in [*self.system.named_parameters(), *self.system.named_buffers()]:
                if name in before and before[name].shape == tensor.shape:
                    tensor.copy_(before[name])
        # [growth, followers]
        for follower in self.followers:  # what is new starts as a copy
            ahead = dict(self.system.get_submodule(follower.of).named_parameters())
            for name, weight in self.system.get_submodule(follower.path).named_parameters():
                old = before.get(f"{follower.path}.{name}")
                if old is None or old.shape != weight.shape:
                    weight.detach().copy_(ahead[name])
        # [growth]
        names = {weight: name for name, weight in self.system.named_parameters()}
        for number, optimiser in self.optimisers.items():
            for weight in [w for group in optimiser.param_groups for w in group["params"]]:
                old = before.get(names[weight])
                if old is not None and old.shape == weight.shape and old in states[number]:
                    optimiser.state[weight] = states[number][old]

    # [always]
    def weights(self, line: Line) -> list[nn.Parameter]:
        """The parameters that a line moves."""
        found: dict[nn.Parameter, None] = {}
        for name, weight in self.system.named_parameters():
            if name not in self.fixed and any(covers(target, name) for target in line.targets):
                found[weight] = None
        return list(found)

    def __call__(self, *batch: Tensor) -> dict[str, Tensor]:
        """One step on a batch, whose tensors come in the order of the system's inputs."""
        # [closure]
        draws = random_state(batch[0])
        # [every]
        due = tuple(i for i, line in enumerate(self.lines) if (self.step + 1) % line.every == 0)
        # [no every]
        due = tuple(range(len(self.lines)))
        # [always]
        measured: dict[str, Tensor] = {}
        # [ramps]
        batch = (*batch, *self.numbers())
        # [updates]
        moves = getattr(self.system, self.stages[self.stage].methods[due])(*batch)
        for number, found in zip((*due, None), moves, strict=True):  # updates by hand come last
            if number is not None:
                self.move(number, found[self.lines[number].loss])
            measured.update((name, value.detach()) for name, value in found.items())
        # [every, no updates]
        if due:  # what follows on a line is computed with the weights that it has moved
            moves = getattr(self.system, self.stages[self.stage].methods[due])(*batch)
            for number, found in zip(due, moves, strict=True):
                self.move(number, found[self.lines[number].loss])
                measured.update((name, value.detach()) for name, value in found.items())
        # [no every, no closure, no updates]
        moves = getattr(self.system, self.stages[self.stage].methods[due])(*batch)
        for number, found in zip(due, moves, strict=True):  # a line sees what those above moved
            self.move(number, found[self.lines[number].loss])
            measured.update((name, value.detach()) for name, value in found.items())
        # [closure, no updates]
        method = getattr(self.system, self.stages[self.stage].methods[due])
        for place, (number, found) in enumerate(zip(due, method(*batch), strict=True)):
            loss = self.lines[number].loss
            self.again = partial(self.once_more, draws, method, batch, place, loss)
            self.move(number, found[loss])
            measured.update((name, value.detach()) for name, value in found.items())
        # [followers]
        targets = [target for number in due for target in self.lines[number].targets]
        for follower in self.followers:
            # [taken]
            if follower.at is not None:
                continue
            # [followers]
            moved = any(covers(t, follower.of) or covers(follower.of, t) for t in targets)
            if moved and (self.step + 1) % follower.every == 0:
                self.follow(follower, follower.share)
        # [always]
        self.step += 1
        # [until]
        held = measured.pop("(until)", None)  # what this stage goes on until
        if self.step == self.lengths[self.stage] or (held is not None and self.ended(held)):
            self.leave()
        # [no until]
        if self.step == self.lengths[self.stage]:
            self.leave()
        # [always]
        return measured

    # [until]
    def ended(self, held: Tensor) -> bool:
        """Whether a stage ends: its condition held in this step."""
        return bool(held)

    # [always]
    def leave(self) -> None:
        """Go on to the next stage."""
        self.stage, self.step = self.stage + 1, 0
        # [growth]
        grown = None if self.done else self.stages[self.stage].grown
        if grown is not None:
            self.grow(grown())
        # [taken]
        for follower in self.followers:
            if not self.done and follower.at == self.stages[self.stage].name:
                self.follow(follower, 1.0)
        # [always]
        self.begin()

    # [ramps]
    def numbers(self) -> list[Tensor]:
        """The values of the ramps at this step; after the last one, those at which they stop."""
        like = next(self.system.parameters())
        shares = [1.0 if self.done else min(self.step / ramp.steps, 1.0) for ramp in self.ramps]
        return [
            like.new_tensor(ramp.start + (ramp.stop - ramp.start) * share)
            for ramp, share in zip(self.ramps, shares, strict=True)
        ]

    # [closure]
    def once_more(
        self,
        draws: list[Tensor],
        method: Callable[..., Iterator[dict[str, Tensor]]],
        batch: tuple[Tensor, ...],
        place: int,
        loss: str,
    ) -> Tensor:
        """The loss of a line as the weights are now, with the same random draws."""
        draw_from(draws, batch[0])
        found = next(islice(method(*batch), place, None))
        return found[loss]

    # [always]
    def move(self, number: int, loss: Tensor) -> None:
        """Move the weights of a line on its loss."""
        line, weights = self.lines[number], self.moved[number]
        # [accumulate]
        gradients = self.gradients(loss / line.accumulate, weights)
        if line.accumulate > 1:  # the mean over several batches
            before = self.sums[number]
            if before is not None:
                gradients = [
                    b if a is None else a if b is None else a + b
                    for a, b in zip(before, gradients, strict=True)
                ]
            # [accumulate, every]
            waits = (self.step + 1) // line.every % line.accumulate != 0
            # [accumulate, no every]
            waits = (self.step + 1) % line.accumulate != 0
            # [accumulate]
            self.sums[number] = gradients if waits else None
            if waits:
                return
        # [no accumulate]
        gradients = self.gradients(loss, weights)
        # [clip]
        if line.clip is not None:  # not in place: weights that are added have one gradient
            norm = nn.utils.get_total_norm([slope for slope in gradients if slope is not None])
            shorter = torch.clamp(line.clip / (norm + 1e-6), max=1.0)
            for place, slope in enumerate(gradients):
                gradients[place] = None if slope is None else slope * shorter
        # [always]
        for weight, slope in zip(weights, gradients, strict=True):
            weight.grad = slope
        optimiser = self.optimisers[line.optimiser]
        # [rate]
        share = line.rate(self.step, self.lengths[self.stage])
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * share
        # [no closure]
        self.update(optimiser)
        # [closure]
        first = [loss.detach()]

        def closure() -> float:
            if first:  # the gradients are there
                return first.pop().item()
            loss = self.again()
            for weight, slope in zip(weights, self.gradients(loss, weights), strict=True):
                weight.grad = slope
            return loss.item()

        if isinstance(optimiser, torch.optim.LBFGS):
            optimiser.step(closure)  # type: ignore[no-untyped-call]
        else:
            self.update(optimiser)
        # [always]
        for weight in weights:
            weight.grad = None

    def gradients(self, loss: Tensor, weights: list[nn.Parameter]) -> list[Tensor | None]:
        """The gradients of a loss in some weights, and in nothing else."""
        return list(torch.autograd.grad(loss, weights, allow_unused=True))

    def update(self, optimiser: torch.optim.Optimizer) -> None:
        """Move the weights that have a gradient."""
        optimiser.step()

    # [followers]
    @torch.no_grad()
    def follow(self, follower: Follower, share: float) -> None:
        """Move a follower a share of the way; it takes over the buffers."""
        ahead = self.system.get_submodule(follower.of)
        behind = self.system.get_submodule(follower.path)
        for mine, other in zip(behind.parameters(), ahead.parameters(), strict=True):
            mine.lerp_(other, share) if share < 1 else mine.copy_(other)
        for kept, taken in zip(behind.buffers(), ahead.buffers(), strict=True):
            kept.copy_(taken)

    # [always]
    def state_dict(self) -> dict[str, Any]:
        """All that a training has to remember, in the middle of it."""
        return {
            "system": self.system.state_dict(),
            "optimisers": {
                number: optimiser.state_dict() for number, optimiser in self.optimisers.items()
            },
            # [accumulate]
            "sums": [] if self.done else self.sums,
            # [always]
            "stage": self.stage,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        # [growth]
        for stage in self.stages[self.stage + 1 : state["stage"] + 1]:
            if stage.grown is not None:
                self.grow(stage.grown())
        # [always]
        self.stage, self.step = state["stage"], state["step"]
        self.system.load_state_dict(state["system"])
        self.begin()
        for number, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][number])
        # [accumulate]
        if not self.done:
            self.sums = state["sums"]
        # [always]


def covers(target: str, path: str) -> bool:
    """Whether a path is a target, in which a `*` is one level, or below it."""
    mine, other = target.split("."), path.split(".")
    return len(mine) <= len(other) and all(a in ("*", b) for a, b in zip(mine, other, strict=False))


def random_state(like: Tensor) -> list[Tensor]:
    """Where the random numbers stand, on the CPU and on the device of a tensor."""
    states = [torch.get_rng_state()]
    return states if like.device.type == "cpu" else [*states, torch.cuda.get_rng_state(like.device)]


def draw_from(states: list[Tensor], like: Tensor) -> None:
    """Draw random numbers from where they stood."""
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], like.device)


class Lars(torch.optim.Optimizer):
    """Momentum whose rate in each layer is a share of |weights| / |gradient|.

    You et al. 2017, "Large Batch Training of Convolutional Networks".
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 1e-3,
        eps: float = 1e-8,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": trust,
            "eps": eps,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update. What has one axis is moved without decay and at the full rate."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                gradient = weight.grad
                if weight.ndim > 1:
                    gradient = gradient.add(weight, alpha=group["weight_decay"])
                    size, slope = weight.norm(), gradient.norm()
                    ratio = group["trust"] * size / (slope + group["eps"])
                    gradient = gradient * torch.where(
                        (size > 0) & (slope > 0), ratio, torch.ones_like(ratio)
                    )
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(group["momentum"]).add_(gradient)
                weight.add_(state["momentum"], alpha=-group["lr"])


class Lamb(torch.optim.Optimizer):
    """Adam whose step in each layer has the length of its weights.

    You et al. 2020, "Large Batch Optimization for Deep Learning".
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["step"] = torch.zeros(())
                    state["mean"], state["square"] = (
                        torch.zeros_like(weight),
                        torch.zeros_like(weight),
                    )
                state["step"] += 1
                state["mean"].lerp_(weight.grad, 1 - first)
                state["square"].mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
                mean = state["mean"] / (1 - first ** state["step"].item())
                square = state["square"] / (1 - second ** state["step"].item())
                change = mean / (square.sqrt() + group["eps"]) + group["weight_decay"] * weight
                size, length = weight.norm(), change.norm()
                ratio = torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
                weight.sub_(change * ratio, alpha=group["lr"])
