"""What the weights of a network are worth. Every score is such that what has less of it goes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fanin.data.loader import Batches
from fanin.data.seeds import number
from fanin.pruning.activations import input_norms, weighable, within_rows
from fanin.pruning.units import Unit
from fanin.systems.problems import RunFailed
from fanin.systems.training import Loop

BEFORE = frozenset(["snip", "grasp", "synflow"])
"""These judge the weights that a round starts from; the others those that the last one has ended with."""
ALONE = frozenset(["random", "magnitude", "l2"])
"""These judge weights without data."""


def scores(name: str, settings: Mapping[str, Any], loop: Loop, unit: Unit, place: int) -> dict[str, Tensor]:
    """The scores of all units of a network as it is, float64. ``place`` is the round, for what is drawn.

    Buffers, modes and random numbers are as before. Raises RunFailed.
    """
    system = loop.system
    weights = {key: system.get_parameter(key) for key in unit.keys}
    held = {key: weight.detach().to("cpu", torch.float64) for key, weight in weights.items()}
    if name in ALONE:
        return of_weights(name, held, unit, loop.settings.seed, place)
    with as_it_was(loop):
        if name == "synflow":
            return unit.sums(_flow(loop, weights))
        batch = _batch(loop, settings["samples"])
        if name == "wanda":
            ramps = loop.training.numbers() if hasattr(loop.training, "numbers") else []
            own = [key for key in unit.keys if not unit.joint or weighable(system, key)]  # of units, not the biases
            norms = input_norms(lambda: system(*batch, *ramps), system, own)
            none = {key: torch.zeros_like(w) for key, w in held.items()}
            found = none | {key: held[key].abs() * norms[key] for key in own}
            return unit.sums(found if unit.joint else within_rows(held, found))
        slopes = _slopes(loop, batch, weights, again=name == "grasp")
        found = {key: (held[key] * slopes[key].detach().to("cpu", torch.float64)) for key in weights}
    if name == "snip":
        return unit.sums({key: product.abs() for key, product in found.items()})
    if name == "taylor":
        return {part: s.square() for part, s in unit.sums(found).items()}
    return unit.sums(found)


def of_weights(name: str, held: Mapping[str, Tensor], unit: Unit, seed: int, place: int) -> dict[str, Tensor]:
    """The scores that need no data: ``random``, ``magnitude``, ``l2``; ``held`` are the weights, float64."""
    if name == "random":
        draw = torch.Generator().manual_seed(number(seed, "mask", place))
        sizes = unit.sums({key: torch.ones_like(w) for key, w in held.items()})
        return {part: torch.rand(len(s), generator=draw, dtype=torch.float64) for part, s in sizes.items()}
    if name == "magnitude":
        return unit.sums({key: w.abs() for key, w in held.items()})
    return {part: s.sqrt() for part, s in unit.sums({key: w.square() for key, w in held.items()}).items()}


@contextmanager
def as_it_was(loop: Loop) -> Iterator[None]:
    """Evaluation, with every weight asking for a gradient; afterwards nothing of a system has changed."""
    system = loop.system
    modes = {module: module.training for module in system.modules()}
    asks = {weight: weight.requires_grad for weight in system.parameters()}
    buffers = {buffer: buffer.detach().clone() for buffer in system.buffers()}
    with loop.machine.drawing(number(loop.settings.seed, "noise", 0)):
        system.eval().requires_grad_(True)
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            for weight, asked in asks.items():
                weight.requires_grad_(asked)
            with torch.no_grad():
                for buffer, before in buffers.items():
                    buffer.copy_(before)


def _batch(loop: Loop, samples: int) -> list[Tensor]:
    """The first rows of the training data in the order of the first epoch."""
    own = loop.batches
    if not isinstance(own, Batches):
        raise RunFailed(f"{own.data.name} has no length, and a score takes so many rows of it")
    rows = Batches(own.data, min(samples, own.rows), seed=own.seed, shuffle=own.shuffle, dtype=own.dtype)
    return loop.machine.batch(next(iter(rows)), loop.inputs, 0)


def _slopes(loop: Loop, batch: list[Tensor], weights: Mapping[str, nn.Parameter], *, again: bool) -> dict[str, Tensor]:
    """By key the gradient g of the losses that move a weight, or (``again``) H g with their Hessian H.

    Lee et al. 2019, "SNIP", eq. 4: |w g|. Molchanov et al. 2019, "Importance Estimation", eq. 8: (sum of w g)^2. Wang
    et al. 2020, "GraSP", eq. 8: what is removed changes the squared norm of the gradient by about -2 w (H g), so
    w (H g) is what the flow of gradients loses with it.
    """
    training, system = loop.training, loop.system
    ramps = training.numbers() if hasattr(training, "numbers") else []
    values = system(*batch, *ramps)
    measures = dict(zip(loop.measures, values if isinstance(values, tuple) else (values,), strict=True))
    keys = {id(weight): key for key, weight in weights.items()}
    total = {key: torch.zeros_like(weight) for key, weight in weights.items()}
    for line in dict.fromkeys((line.loss, line.targets) for stage in training.stages for line in stage.lines):
        loss, targets = line
        own = [w for w in _covered(training, targets) if id(w) in keys]
        if not own:
            continue
        found = torch.autograd.grad(measures[loss], own, create_graph=again, retain_graph=True, allow_unused=True)
        if again:
            norm: Any = sum((g * g.detach()).sum() for g in found if g is not None)
            found = torch.autograd.grad(norm, own, retain_graph=True, allow_unused=True)
        for weight, slope in zip(own, found, strict=True):
            if slope is not None:
                total[keys[id(weight)]] += slope.detach()
    return total


def _covered(training: Any, targets: tuple[str, ...]) -> list[nn.Parameter]:
    line = next(line for stage in training.stages for line in stage.lines if line.targets == targets)
    found: list[nn.Parameter] = training.weights(line)
    return found


def _flow(loop: Loop, weights: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """|w dR/dw| of R, the sum of what each network gives for ones where all its weights are |w|, in float64.

    Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow", eq. 2. The
    inputs of the networks have the shapes of a row of the data; whole numbers are taken as they are.
    """
    import copy

    inputs: dict[str, tuple[Any, ...]] = {}
    hooks = [
        child.register_forward_pre_hook(_remember(inputs, name))
        for name, child in loop.system.named_children()
        if any(key.startswith(f"{name}.") for key in weights)
    ]
    try:
        ramps = loop.training.numbers() if hasattr(loop.training, "numbers") else []
        with torch.no_grad():
            loop.system(*_batch(loop, 1), *ramps)
    finally:
        for hook in hooks:
            hook.remove()
    found: dict[str, Tensor] = {}
    for name, given in inputs.items():
        child = copy.deepcopy(loop.system.get_submodule(name)).to("cpu", torch.float64)
        with torch.no_grad():
            for tensor in (*child.parameters(), *(b for b in child.buffers() if b.is_floating_point())):
                tensor.abs_()
        ones = [torch.ones_like(x, dtype=torch.float64) if x.is_floating_point() else x for x in given]
        results = child(*ones)
        flow = sum(r.sum() for r in (results if isinstance(results, tuple) else (results,)) if r.is_floating_point())
        own = {key: child.get_parameter(key[len(name) + 1 :]) for key in weights if key.startswith(f"{name}.")}
        slopes = torch.autograd.grad(flow, list(own.values()), allow_unused=True)
        for (key, weight), slope in zip(own.items(), slopes, strict=True):
            found[key] = torch.zeros_like(weight) if slope is None else (weight * slope).detach().abs()
    if missing := [key for key in weights if key not in found]:
        raise RunFailed(f"synflow follows what goes through a network, and `{missing[0]}` is in none that is called")
    return found


def _remember(inputs: dict[str, tuple[Any, ...]], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
        inputs.setdefault(name, tuple(x.detach().to("cpu") for x in given if isinstance(x, Tensor)))

    return hook
