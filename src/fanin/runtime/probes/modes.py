"""How a network is run while it is looked at: as in evaluation, with the same noise each time, differentiable twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from fanin.runtime.modes import in_evaluation
from fanin.runtime.samples import flat


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Every module in evaluation, and afterwards as it was. Attention by the plain formula, whose derivatives exist."""
    with in_evaluation(net), sdpa_kernel(SDPBackend.MATH):
        yield


def floats(found: Any) -> list[Tensor]:
    """The float tensors of a result, complex ones as pairs of floats."""
    parts = [torch.view_as_real(t) if t.is_complex() else t for t in flat(found)]
    return [t for t in parts if t.is_floating_point()]


def joined(found: Any) -> Tensor:
    """All floats of a result, in a row for each sample: ``[N, outputs]``. A scalar is one sample of one output."""
    parts = [t.reshape(1, 1) if t.dim() == 0 else t.reshape(t.shape[0], -1) for t in floats(found)]
    if not parts:
        raise ValueError("the network gives no floats")
    rows = max(p.shape[0] for p in parts)
    if any(p.shape[0] != rows for p in parts):
        parts = [p.reshape(1, -1) for p in parts]
    return torch.cat(parts, dim=1)
