"""What holds for a while: modules in evaluation, one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def in_evaluation(*nets: nn.Module) -> Iterator[None]:
    """Every module as in evaluation, and afterwards each as it was."""
    before = {module: module.training for net in nets for module in net.modules()}
    for net in nets:
        net.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes on one thread of a CPU, then on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
