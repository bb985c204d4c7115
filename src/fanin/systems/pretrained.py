"""Parts of a system that start with weights from a file."""

from __future__ import annotations

import os

import torch
from torch import nn

from fanin.diagnostics.suggest import did_you_mean
from fanin.systems.problems import RunFailed


def fill(system: nn.Module, path: str, source: str) -> None:
    """Give the module at ``path`` the tensors of ``FILE`` or ``FILE:PREFIX``, all of them. Raises RunFailed."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file, colon, prefix = source, "", ""
    if not os.path.exists(file):
        file, colon, prefix = source.rpartition(":")
    if not os.path.exists(file):
        raise RunFailed(f"there is no file {source.split(':')[0] if colon else source}")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise RunFailed(f"{file} is no file of weights: {error}", help="a .safetensors file is wanted") from None
    try:
        module = system.get_submodule(path)
    except AttributeError:
        known = [name for name, _ in system.named_modules() if name]
        raise RunFailed(f"the system has no part `{path}`{did_you_mean(path, known)}") from None
    wanted = module.state_dict()
    start = f"{prefix}." if prefix else ""
    found = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
    for name, tensor in wanted.items():
        if name not in found:
            near = f"; it has `{start}{next(iter(found))}`, …" if found else ""
            raise RunFailed(f"{file} has no `{start}{name}`{near}", help="`FILE:PREFIX` takes what is below a path")
        if found[name].shape != tensor.shape:
            sizes = f"{list(found[name].shape)}, and `{path}.{name}` is {list(tensor.shape)}"
            raise RunFailed(f"`{start}{name}` of {file} is {sizes}")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])
