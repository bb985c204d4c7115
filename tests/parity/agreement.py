"""Whether a compiled spec and another implementation compute the same: outputs, gradients and buffers, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]
Pick = Callable[[Tensors], Tensor]  # a tensor of ours from theirs: of weights, and of their gradients alike
TOLERANCE = 1e-9


def agree(
    mine: nn.Module,
    theirs: nn.Module,
    inputs: Sequence[Sequence[Tensor]],
    *,
    keys: Callable[[str], str | Pick | None] = lambda key: key,
    run: Callable[..., Any] | None = None,
    modes: Sequence[bool] = (False, True),
    unused: Sequence[str] = (),
    tolerance: float = TOLERANCE,
) -> None:
    """Asserts that both give the same, weights copied over, for every input and in evaluation and training.

    ``keys`` says which tensor of theirs one of ours is, or how it is made of theirs; None for one that they lack.
    ``run`` calls theirs. ``unused`` are beginnings of their parameters that have no counterpart, and are set to zero.
    """
    mine, theirs = mine.double(), theirs.double()
    run = run or theirs
    _vary(theirs)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.startswith(tuple(unused)):
                parameter.zero_()
    _copy(mine, theirs, keys, unused)
    for training in modes:
        mine.train(training)
        theirs.train(training)
        for given in inputs:
            ours, others = _run(mine, mine, given), _run(run, theirs, given)
            assert len(ours[0]) == len(others[0]), "as many outputs"
            for i, (a, b) in enumerate(zip(ours[0], others[0], strict=True)):
                _same(a, b, f"output {i}", tolerance)
            for i, (a, b) in enumerate(zip(ours[1], others[1], strict=True)):
                _same(a, b, f"the gradient of input {i}", tolerance)
            scale = max((float(g.abs().max()) for g in others[2].values()), default=1.0)
            for name, gradient in ours[2].items():
                other = _pick(keys(name), others[2])
                if other is not None:
                    _same(gradient, other, f"the gradient of {name}", tolerance, scale)
    for name, buffer in mine.named_buffers():
        other = _pick(keys(name), dict(theirs.named_buffers()))
        if other is not None:
            _same(buffer, other, f"the buffer {name} afterwards", tolerance)


def _vary(module: nn.Module) -> None:
    """Fresh norms and biases are all equal, and hide mistakes."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point() and tensor.dim() <= 1:
                noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                tensor.copy_(0.5 + noise if bool((tensor > 0).all()) else 0.2 * (noise - 0.5))


def _copy(mine: nn.Module, theirs: nn.Module, keys: Callable[[str], str | Pick | None], unused: Sequence[str]) -> None:
    read = _Reads(theirs.state_dict())
    state = mine.state_dict()
    for name, tensor in state.items():
        other = _pick(keys(name), read)
        if other is not None:
            assert other.shape == tensor.shape, f"{name} is {list(tensor.shape)}, and theirs {list(other.shape)}"
            state[name] = other.detach().clone()
    mine.load_state_dict(state)
    skipped = tuple(unused)
    left = [n for n, _ in theirs.named_parameters() if n not in read.seen and not n.startswith(skipped)]
    assert not left, f"parameters of theirs that have no counterpart: {left[:5]}"


class _Reads(dict[str, Tensor]):
    """Tensors by name, and which of them were asked for."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.seen.add(name)
        return super().__getitem__(name)


def _pick(key: str | Pick | None, tensors: Tensors) -> Tensor | None:
    if key is None:
        return None
    return tensors[key] if isinstance(key, str) else key(tensors)


def _run(
    call: Callable[..., Any], module: nn.Module, given: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor], Tensors]:
    torch.manual_seed(7)
    leaves = [x.detach().double().requires_grad_() if x.is_floating_point() else x for x in given]
    outputs = _flat(call(*leaves))
    torch.manual_seed(8)
    total = sum((y * torch.randn(y.shape, dtype=y.dtype)).sum() for y in outputs if y.requires_grad)
    named = {n: p for n, p in module.named_parameters() if p.requires_grad}
    floats = [x for x in leaves if x.requires_grad]
    found = torch.autograd.grad(total, [*floats, *named.values()], allow_unused=True)  # type: ignore[arg-type]
    filled = [torch.zeros_like(x) if g is None else g for g, x in zip(found, [*floats, *named.values()], strict=True)]
    return outputs, filled[: len(floats)], dict(zip(named, filled[len(floats) :], strict=True))


def _flat(found: Any) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else [t for item in found for t in _flat(item)]


def _same(a: Tensor, b: Tensor, what: str, tolerance: float, scale: float = 0.0) -> None:
    assert a.shape == b.shape, f"{what}: {list(a.shape)} and {list(b.shape)}"
    if not a.numel():
        return
    off = float((a.double() - b.double()).abs().max())
    size = max(float(b.double().abs().max()), scale, 1e-12)
    assert off <= tolerance * size, f"{what}: off by {off:.1e} of {size:.1e}"
