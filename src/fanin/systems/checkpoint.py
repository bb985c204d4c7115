"""Checkpoints: a folder with the tensors as safetensors and the rest as JSON, complete or not there at all.

A checkpoint is written beside its place and moved there in one step, so that a run that is killed at any moment leaves
the one before it whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from torch import Tensor

TENSORS, DOCUMENT = "state.safetensors", "state.json"
_DONE = re.compile(r"step-(\d+)")


def save(folder: str, step: int, state: Mapping[str, Any], *, keep: int = 2) -> str:
    """Write what a run has to remember after so many steps; older checkpoints than the last ``keep`` go.

    ``state`` is of dicts, lists, tuples, tensors and what JSON has. Raises OSError; older ones are left.
    """
    final = os.path.join(folder, f"step-{step:08d}")
    write(final, state)
    for old in finished(folder)[:-keep]:
        shutil.rmtree(os.path.join(folder, old), ignore_errors=True)
    return final


def write(final: str, state: Mapping[str, Any]) -> None:
    """A checkpoint under a name of its own; what was there is replaced."""
    from safetensors.torch import save_file

    folder = os.path.dirname(final)
    os.makedirs(folder, exist_ok=True)
    new = os.path.join(folder, f".{os.path.basename(final)}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        os.mkdir(new)
        tensors: dict[str, Tensor] = {}
        document = _packed(state, tensors, {})
        save_file(tensors, os.path.join(new, TENSORS))
        with open(os.path.join(new, DOCUMENT), "w", encoding="utf-8") as file:
            json.dump({"version": 1, "state": document}, file)
        for name in (TENSORS, DOCUMENT):
            _settle(os.path.join(new, name))
        _settle(new)
        if os.path.isdir(final):
            old = os.path.join(folder, f".{os.path.basename(final)}.old")
            shutil.rmtree(old, ignore_errors=True)
            os.rename(final, old)
            os.rename(new, final)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(new, final)
        _settle(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def write_file(path: str, content: bytes) -> None:
    """A single file in the same way: as it was before, or with all of this. Raises OSError."""
    new = f"{path}.{os.getpid()}.new"
    with open(new, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def finished(folder: str) -> list[str]:
    """The names of the complete checkpoints in a folder, oldest first."""
    try:
        return sorted(name for name in os.listdir(folder) if _DONE.fullmatch(name))
    except FileNotFoundError:
        return []


def last(folder: str) -> str | None:
    """The path of the latest checkpoint."""
    names = finished(folder)
    return os.path.join(folder, names[-1]) if names else None


def load(path: str) -> dict[str, Any]:
    """What was saved, the tensors on the CPU. Raises OSError and ValueError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(os.path.join(path, TENSORS))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    with open(os.path.join(path, DOCUMENT), encoding="utf-8") as file:
        document = json.load(file)
    state: dict[str, Any] = _unpacked(document["state"], tensors)
    return state


def _packed(value: Any, tensors: dict[str, Tensor], known: dict[Any, str]) -> Any:
    """What JSON has, each tensor as the name under which it is kept; one that is there twice is kept once."""
    if isinstance(value, Tensor):
        own = value.detach()
        key = own.untyped_storage().data_ptr(), own.storage_offset(), own.shape, own.stride(), own.dtype
        if key not in known or not own.numel():
            known[key] = str(len(tensors))
            tensors[known[key]] = own.to("cpu", copy=True).contiguous()
        return {"tensor": known[key]}
    if isinstance(value, Mapping):
        return {"dict": [[name, _packed(item, tensors, known)] for name, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_packed(item, tensors, known) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint has no place for a {type(value).__name__}")


def _unpacked(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {name: _unpacked(item, tensors) for name, item in content}
    items = [_unpacked(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def _settle(path: str) -> None:
    """Have the disk take what was written; where folders cannot be told so, that is left to the system."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # folders on Windows
        return
    try:
        os.fsync(handle)
    except OSError:
        if not os.path.isdir(path):
            raise
    finally:
        os.close(handle)
