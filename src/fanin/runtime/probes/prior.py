"""An architecture as a prior over functions: what its outputs have in common over draws of the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fanin.record import record
from fanin.runtime.probes.modes import evaluating, joined


@record(eq=False)
class Prior:
    """Of the functions that an architecture is at its start.

    ``kernel`` ``[N, N]`` is the mean of f(x) f(x') over draws and outputs, ``error`` its standard error. ``alike`` is
    the kernel over its diagonal: how alike the outputs of two inputs are. ``roughness`` ``[N]`` is the root mean square
    of the derivative along a random direction of unit length, over that of the output: 1 means that the function
    changes by about itself over a step of length 1. None where the input is no float.
    """

    kernel: Tensor
    error: Tensor
    mean: Tensor
    roughness: Tensor | None
    draws: int

    @property
    def alike(self) -> Tensor:
        scale = self.kernel.diagonal().sqrt()
        return self.kernel / (scale[:, None] * scale[None])


def prior(net: nn.Module, *inputs: Tensor, draws: int = 200, at_once: int = 8, seed: int = 0) -> Prior:
    """The prior of a model that fanin compiled, at some inputs: its weights are drawn anew ``draws`` times.

    ``net`` itself stays as it is. ``at_once`` draws run as one batched operation.
    """
    kind = type(net)
    x = inputs[0]
    sums: list[Tensor] = []
    means: list[Tensor] = []
    slopes: list[Tensor] = []
    directions = _directions(x) if x.is_floating_point() else None
    first = next((p for p in net.parameters()), x)
    for start in range(0, draws, at_once):
        nets = [_drawn(kind, seed + k, first) for k in range(start, min(start + at_once, draws))]
        outputs, changes = _run(nets, inputs, directions)
        sums += list(outputs @ outputs.mT / outputs.shape[-1])
        means += list(outputs.mean(dim=-1))
        if changes is not None:
            slopes += list(changes.square().mean(dim=-1))
    kernels = torch.stack(sums)
    kernel = kernels.mean(dim=0)
    error = kernels.std(dim=0) / draws**0.5 if draws > 1 else torch.full_like(kernel, float("nan"))
    roughness = (torch.stack(slopes).mean(dim=0) / kernel.diagonal()).sqrt() if slopes else None
    return Prior(kernel, error, torch.stack(means).mean(dim=0), roughness, draws)


def _drawn(kind: type[nn.Module], seed: int, like: Tensor) -> nn.Module:
    try:
        made: nn.Module = kind(seed=seed)
    except TypeError:
        raise ValueError("only a model that fanin compiled knows how to draw its weights anew") from None
    dtype = like.dtype if like.is_floating_point() else None
    made.to(device=like.device, dtype=dtype)
    return made


def _directions(x: Tensor) -> Tensor:
    """A direction of unit length for each sample."""
    d = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    return torch.as_tensor(d / d.flatten(1).norm(dim=1).view(-1, *(1 for _ in x.shape[1:])))


@torch.no_grad()
def _run(nets: list[nn.Module], inputs: tuple[Tensor, ...], directions: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Outputs ``[draws, N, outputs]``, and how they change along the directions."""
    base = nets[0]
    stacked = _stack(nets)

    def one(state: dict[str, Tensor]) -> Any:
        def run(x: Tensor) -> Tensor:
            return joined(torch.func.functional_call(base, state, (x, *inputs[1:])))

        return run(inputs[0]) if directions is None else torch.func.jvp(run, (inputs[0],), (directions,))

    with evaluating(base):
        found = torch.vmap(one, randomness="different")(stacked)
    return (found, None) if directions is None else found


def _stack(nets: list[nn.Module]) -> dict[str, Tensor]:
    """Weights and buffers of all nets, each with an axis in front."""
    states = [{**dict(n.named_parameters()), **dict(n.named_buffers())} for n in nets]
    return {key: torch.stack([s[key].detach() for s in states]) for key in states[0]}
