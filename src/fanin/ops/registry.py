"""Finding an op by its name, without importing the others.

There is no list of ops: a file is the entry. ``max_pool2d``, ``MaxPool2d`` live in a file whose name, without
underscores and in lower case, is ``maxpool2d``, in one of the folders beside this one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from fanin.ops.contract import Op


@cache
def _files() -> dict[str, str]:
    """Squeezed file name -> dotted module."""
    root = os.path.dirname(__file__)
    found: dict[str, str] = {}
    with os.scandir(root) as folders:
        names = sorted(entry.name for entry in folders if entry.is_dir() and not entry.name.startswith("_"))
    for folder in names:
        for file in os.listdir(os.path.join(root, folder)):
            if file.endswith(".py") and not file.startswith("_"):
                found[_squeeze(file[:-3])] = f"{__package__}.{folder}.{file[:-3]}"
    return found


def _squeeze(name: str) -> str:
    return name.replace("_", "").lower()


@cache
def _ops_of(module: str) -> tuple[Op[Any], ...]:
    """The final ops that a file defines."""
    members = vars(importlib.import_module(module)).values()
    kinds = (m for m in members if isinstance(m, type) and issubclass(m, Op) and m.__module__ == module)
    return tuple(kind() for kind in kinds if not getattr(kind, "__abstractmethods__", None) and hasattr(kind, "name"))


@cache
def find_op(name: str) -> Op[Any] | None:
    """The op of that name, function or module, or None."""
    module = _files().get(_squeeze(name))
    if module is None:
        return None
    return next((op for op in _ops_of(module) if name in (op.name, op.module)), None)


@cache
def all_ops() -> tuple[Op[Any], ...]:
    """Every op, by name. Imports all files: for the reference, suggestions and tests."""
    ops = [op for module in _files().values() for op in _ops_of(module)]
    return tuple(sorted(ops, key=lambda op: (op.name.lower(), op.name)))


def names() -> Iterator[str]:
    """Every name a spec can use for an op."""
    for op in all_ops():
        yield op.name
        if op.module and op.module != op.name:
            yield op.module
