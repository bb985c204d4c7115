"""How activations and gradients of a compiled model really are: over draws of its weights and of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from fanin.ir.dims import Symbol
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.runtime.load import build
from fanin.runtime.samples import flat, shape_at
from fanin.signal.analysis import Input
from fanin.signal.measured import Measured, Measurement


def measure(
    program: Program,
    source: str,
    sizes: Mapping[Symbol, int],
    inputs: Mapping[str, Input] | None = None,
    *,
    draws: int = 8,
    training: bool = True,
    double: bool = True,
    numbers: Mapping[str, int] | None = None,
    batch: Mapping[str, Any] | None = None,
) -> Measurement:
    """Build a model so many times, and look at what every module gives, forwards and back.

    Inputs are drawn as they are declared, those of ints uniformly below ``numbers`` (2), unless a ``batch`` of arrays
    is given, which every draw of the weights then sees; the cotangent at the outputs is normal with variance 1.
    """
    squares: dict[tuple[str, int], list[float]] = {}
    backs: dict[tuple[str, int], list[float]] = {}
    weights: dict[str, list[float]] = {}
    for seed in range(draws):
        net = build(program, source, seed=seed)
        net = (net.double() if double else net).train(training)
        generator = torch.Generator().manual_seed(seed + 1)
        torch.manual_seed(seed)
        given = [
            _given(batch[p.name], double)
            if batch is not None
            else _draw(p.name, p.value.type, sizes, inputs or {}, generator, double, (numbers or {}).get(p.name, 2))
            for p in program.inputs
            if p.value
        ]
        seen: dict[str, list[Tensor]] = {}
        handles = [m.register_forward_hook(_keeper(path, seen)) for path, m in net.named_modules() if path]
        outputs = [t for t in flat(net(*given)) if t.is_floating_point()]
        for handle in handles:
            handle.remove()
        loss = sum((t * torch.randn(t.shape, generator=generator, dtype=t.dtype)).sum() for t in outputs)
        if isinstance(loss, Tensor) and loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for path, tensors in seen.items():
            for use, tensor in enumerate(tensors):
                squares.setdefault((path, use), []).append(float(tensor.detach().square().mean()))
                if tensor.grad is not None:
                    backs.setdefault((path, use), []).append(float(tensor.grad.square().mean()))
        for name, parameter in net.named_parameters():
            if parameter.grad is not None:
                weights.setdefault(name, []).append(float(parameter.grad.square().mean()))
    found = {}
    for place, values in squares.items():
        rms, error = _rms(values)
        grad, grad_error = _rms(backs[place]) if place in backs else (None, 0.0)
        found[place] = Measured(rms, error, grad, grad_error)
    first = {path: m for (path, use), m in found.items() if use == 0}
    again = {place: m for place, m in found.items() if place[1]}
    return Measurement(first, {k: _rms(v) for k, v in weights.items()}, draws, again)


def _keeper(path: str, seen: dict[str, list[Tensor]]) -> object:
    def keep(module: nn.Module, args: object, output: object) -> None:
        tensor = (
            output if isinstance(output, Tensor) else next(iter(flat(output)), None) if output is not None else None
        )
        if isinstance(tensor, Tensor) and tensor.is_floating_point():
            if tensor.requires_grad:
                tensor.retain_grad()
            seen.setdefault(path, []).append(tensor)

    return keep


def _given(array: Any, double: bool) -> Tensor:
    tensor = torch.as_tensor(array)
    if tensor.is_floating_point():
        return tensor.double() if double else tensor.float()
    return tensor if tensor.dtype is torch.bool or tensor.is_complex() else tensor.long()


def _draw(
    name: str,
    type_: object,
    sizes: Mapping[Symbol, int],
    inputs: Mapping[str, Input],
    generator: torch.Generator,
    double: bool,
    most: int,
) -> Tensor:
    shape = shape_at(type_, sizes)  # type: ignore[arg-type]
    dtype = type_.dtype  # type: ignore[attr-defined]
    if dtype is DType.INT:
        return torch.randint(most, shape, generator=generator)
    if dtype is DType.BOOL:
        return torch.rand(shape, generator=generator) < 0.5
    law = inputs.get(name, Input())
    wide = torch.float64 if double else torch.float32
    x = torch.randn(shape, generator=generator, dtype=wide)
    if law.correlation and len(shape) > 2:
        common = torch.randn((*shape[:2], *(1 for _ in shape[2:])), generator=generator, dtype=wide)
        x = sqrt(1 - law.correlation) * x + sqrt(law.correlation) * common
    return law.mean + sqrt(law.variance) * x


def _rms(squares: list[float]) -> tuple[float, float]:
    """The root of a mean, and its standard error as a share of it."""
    mean = sum(squares) / len(squares)
    if mean <= 0:
        return 0.0, 0.0
    spread = sqrt(sum((s / mean - 1) ** 2 for s in squares) / max(len(squares) - 1, 1)) / sqrt(len(squares))
    return sqrt(mean), spread / 2
