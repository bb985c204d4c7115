"""Training, one step at a time: printed into what a system compiles to, as far as that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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
    rate: Callable[[int, int], float] = constant  # the share of its learning rate at a step, of so many
    every: int = 1
    clip: float | None = None  # the largest norm of all the gradients together
    accumulate: int = 1  # batches for one update


class Stage(NamedTuple):
    """A part of the training: its lines, and the method of the system for those of them that are due at a step."""

    name: str
    count: int
    unit: str  # epochs or steps
    lines: tuple[Line, ...]
    methods: dict[tuple[int, ...], str]


class Follower(NamedTuple):
    """A module that follows another: a share of the way after each step that trains it, or in leaps."""

    path: str
    of: str
    share: float = 1.0
    every: int = 1


class Ramp(NamedTuple):
    """A number that moves in a straight line over so many steps of a stage."""

    start: float
    stop: float
    steps: int


class Training:
    """A system in training. Called with the tensors of a batch it takes one step, and gives what was measured.

    ``epoch`` is how many steps an epoch has. What is to be remembered is in ``state_dict``.
    """

    def __init__(
        self,
        system: nn.Module,
        stages: Sequence[Stage],
        followers: Sequence[Follower] = (),
        ramps: Sequence[Ramp] = (),
        epoch: int = 1,
    ) -> None:
        self.system, self.stages, self.followers, self.ramps = system, stages, followers, ramps
        self.lengths = [s.count * (epoch if s.unit == "epochs" else 1) for s in stages]
        self.stage, self.step = 0, 0
        self.fixed = {name for name, weight in system.named_parameters() if not weight.requires_grad}
        for follower in followers:
            self.follow(follower, 1.0)
        rules: dict[int, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {}
        moved: dict[int, dict[nn.Parameter, None]] = {}
        for line in (line for stage in stages for line in stage.lines):
            rules.setdefault(line.optimiser, line.rule)
            moved.setdefault(line.optimiser, {}).update(dict.fromkeys(self.weights(line)))
        self.optimisers = {number: rule(list(moved[number])) for number, rule in rules.items()}
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["initial_lr"] = group["lr"]
        self.begin()

    @property
    def done(self) -> bool:
        """Whether all stages have had their steps."""
        return self.stage == len(self.stages)

    def begin(self) -> None:
        """Enter a stage: what it does not train gets no gradient, and runs as in evaluation."""
        if self.done:
            return
        self.lines = self.stages[self.stage].lines
        self.moved = [self.weights(line) for line in self.lines]
        self.sums: list[list[Tensor | None] | None] = [None] * len(self.lines)
        trained = {id(weight) for weights in self.moved for weight in weights}
        for name, weight in self.system.named_parameters():
            weight.requires_grad_(id(weight) in trained and name not in self.fixed)
        self.system.train()
        for module in self.system.modules():
            own = [id(weight) for weight in module.parameters()]
            if own and trained.isdisjoint(own):
                module.eval()

    def weights(self, line: Line) -> list[nn.Parameter]:
        """The parameters that a line moves."""
        found = []
        for name, weight in self.system.named_parameters():
            parts = name.split(".")
            for target in line.targets:
                path = target.split(".")
                if len(path) <= len(parts) and all(a in ("*", b) for a, b in zip(path, parts, strict=False)):
                    if name not in self.fixed and not any(weight is other for other in found):
                        found.append(weight)
        return found

    def __call__(self, *batch: Tensor) -> dict[str, Tensor]:
        """One step on a batch, whose tensors come in the order of the system's inputs."""
        stage = self.stages[self.stage]
        due = tuple(i for i, line in enumerate(stage.lines) if (self.step + 1) % line.every == 0)
        measured: dict[str, Tensor] = {}
        if due:
            moves = getattr(self.system, stage.methods[due])(*batch, *self.numbers())
            for number in due:  # what comes after a line is computed with the weights that it has moved
                found = next(moves)
                self.move(number, found[stage.lines[number].loss])
                measured.update((name, value.detach()) for name, value in found.items())
            moves.close()
        for follower in self.followers:
            if any(self.trains(stage.lines[number], follower.of) for number in due):
                if (self.step + 1) % follower.every == 0:
                    self.follow(follower, follower.share)
        self.step += 1
        if self.step == self.lengths[self.stage]:
            self.stage, self.step = self.stage + 1, 0
            self.begin()
        return measured

    def numbers(self) -> list[Tensor]:
        """The values of the ramps at this step."""
        like = next(self.system.parameters())
        shares = [min(self.step / ramp.steps, 1.0) for ramp in self.ramps]
        return [like.new_tensor(r.start + (r.stop - r.start) * share) for r, share in zip(self.ramps, shares, strict=True)]

    def move(self, number: int, loss: Tensor) -> None:
        """Move the weights of a line on its loss; the gradients of several batches are averaged first."""
        line, weights = self.lines[number], self.moved[number]
        gradients = self.gradients(loss / line.accumulate if line.accumulate > 1 else loss, weights)
        if line.accumulate > 1:
            before = self.sums[number]
            if before is not None:
                gradients = [a if b is None else b if a is None else a + b for a, b in zip(before, gradients, strict=True)]
            turn = (self.step + 1) // line.every % line.accumulate
            self.sums[number] = gradients if turn else None
            if turn:
                return
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        if line.clip is not None:
            nn.utils.clip_grad_norm_(weights, line.clip)
        optimiser = self.optimisers[line.optimiser]
        share = line.rate(self.step, self.lengths[self.stage])
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * share
        optimiser.step()
        for weight in weights:
            weight.grad = None

    def gradients(self, loss: Tensor, weights: list[nn.Parameter]) -> list[Tensor | None]:
        """The gradients of a loss in some weights, and in nothing else."""
        return list(torch.autograd.grad(loss, weights, allow_unused=True))

    def trains(self, line: Line, path: str) -> bool:
        """Whether a line moves a part of what has this path, or it as a part of more."""
        parts = path.split(".")
        return any(all(a in ("*", b) for a, b in zip(target.split("."), parts, strict=False)) for target in line.targets)

    @torch.no_grad()
    def follow(self, follower: Follower, share: float) -> None:
        """Move a follower a share of the way; it takes over the buffers."""
        ahead = self.system.get_submodule(follower.of)
        behind = self.system.get_submodule(follower.path)
        for mine, other in zip(behind.parameters(), ahead.parameters(), strict=True):
            mine.lerp_(other, share) if share < 1 else mine.copy_(other)
        for mine, other in zip(behind.buffers(), ahead.buffers(), strict=True):
            mine.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """All that a training has to remember, in the middle of it."""
        return {
            "system": self.system.state_dict(),
            "optimisers": {number: optimiser.state_dict() for number, optimiser in self.optimisers.items()},
            "sums": self.sums if not self.done else [],
            "stage": self.stage,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.stage, self.step = state["stage"], state["step"]
        self.system.load_state_dict(state["system"])
        for number, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][number])
        self.begin()
        if not self.done:
            self.sums = state["sums"]


class Lars(torch.optim.Optimizer):
    """Momentum whose rate in each layer is a share of |weights| / |gradient| (You et al. 2017, "Large Batch Training")."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 1e-3,
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "eps": eps}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update. Biases and gains, of one axis, are moved without decay and at the full rate."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                gradient = weight.grad
                if weight.ndim > 1:
                    gradient = gradient.add(weight, alpha=group["weight_decay"])
                    size, slope = weight.norm(), gradient.norm()
                    ratio = group["trust"] * size / (slope + group["eps"])
                    gradient = gradient * torch.where((size > 0) & (slope > 0), ratio, torch.ones_like(ratio))
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(group["momentum"]).add_(gradient)
                weight.add_(state["momentum"], alpha=-group["lr"])


class Lamb(torch.optim.Optimizer):
    """Adam whose step in each layer has the length of its weights (You et al. 2020, "Large Batch Optimization")."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

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
                    state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
                state["step"] += 1
                state["mean"].lerp_(weight.grad, 1 - first)
                state["square"].mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
                mean = state["mean"] / (1 - first ** state["step"].item())
                square = state["square"] / (1 - second ** state["step"].item())
                change = mean / (square.sqrt() + group["eps"]) + group["weight_decay"] * weight
                size, length = weight.norm(), change.norm()
                ratio = torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
                weight.sub_(change * ratio, alpha=group["lr"])
