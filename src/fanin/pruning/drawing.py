"""Calls that take random numbers: each replica has a generator of its own, which nothing else draws from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fanin.pruning.lifting import Lifted
from fanin.pruning.tracing import Call, Ref, Tape


def drawn(call: Call, tape: Tape, plain: frozenset[int]) -> Lifted | None:
    """A dropout of all replicas, or None. What else draws goes by ``swapped``."""
    if call.name != "dropout" or not isinstance(call.found, Ref) or call.args[0].number in plain:
        return None
    given = dict(zip(("input", "p", "training", "inplace"), call.args, strict=False)) | call.kwargs
    p = given.get("p", 0.5)
    if given.get("inplace") or not 0.0 < p < 1.0:
        return None

    def dropout(count: int, generators: list[torch.Generator], x: Tensor, *_: Any, **__: Any) -> Tensor:
        with torch.no_grad():
            noise = torch.empty_like(x, memory_format=torch.contiguous_format)
            for own, generator in zip(noise.unbind(), generators, strict=True):
                own.bernoulli_(1 - p, generator=generator)
            noise.div_(1 - p)
        return x * noise

    return dropout


def swapped(generator: torch.Generator, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A call with the default generator where another is, which goes on from where the call leaves it."""
    before = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        return function(*args, **kwargs)
    finally:
        generator.set_state(torch.get_rng_state())
        torch.set_rng_state(before)
