"""Modules in evaluation for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
