"""Specs in strings, trained as a user trains a file."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import fanin

_FOLDER = tempfile.TemporaryDirectory()


def spec_file(text: str) -> str:
    """A file with this text."""
    path = Path(_FOLDER.name) / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.arch"
    path.write_text(text)
    return str(path)


def trained(text: str, name: str, data: Any, **settings: Any) -> Any:
    """The run of a system of a spec in a string."""
    return fanin.train(spec_file(text), name, data, **settings)


def column(run: Any, name: str) -> list[float]:
    """A measure at each step of a run."""
    return [row[name] for row in run.history]


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module, as they are now."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two snapshots agree to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
