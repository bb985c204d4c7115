"""How much of each parameter the masks of an experiment leave, read from its folder without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from fanin.analyses.kept import Kept

if TYPE_CHECKING:
    from torch import Tensor


def kept_in(folder: str, round: int | None = None) -> dict[str, Kept]:
    """By the keys of parameters, what stays after a round (the last one), a mean over seeds.

    Raises ValueError for a folder that is none of a pruning, or a round that it has not.
    """
    found: list[dict[str, int]] = []
    sizes: dict[str, int] = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        home = os.path.join(folder, name)
        if name.startswith("seed-") and os.path.exists(os.path.join(home, "masks.safetensors")):
            counts = dict(_counts(os.path.join(home, "masks.safetensors")))
            last = max((place for place, _ in counts), default=0) if round is None else round
            found.append({key: left for (place, key), left in counts.items() if place == last})
            header, _ = _header(os.path.join(home, "start.safetensors"))
            sizes = {key: prod(about["shape"]) for key, about in header.items() if key != "__metadata__"}
    if not found:
        raise ValueError(f"{folder} has no masks: it is no folder of `fanin prune`")
    if not all(found):
        raise ValueError(f"{folder} has no masks of round {round}")
    return _means(found, sizes)


def kept_by(masks: Iterable[Mapping[str, Tensor]]) -> dict[str, Kept]:
    """The same of the masks of one round, seed by seed."""
    several = list(masks)
    counts = [{key: int(mask.sum()) for key, mask in own.items()} for own in several]
    return _means(counts, {key: mask.numel() for key, mask in several[0].items()})


def _means(found: list[dict[str, int]], sizes: Mapping[str, int]) -> dict[str, Kept]:
    return {key: Kept(sum(own[key] for own in found) / len(found), sizes[key]) for key in found[0]}


def _counts(path: str) -> Iterable[tuple[tuple[int, str], int]]:
    """By round and key, how many bits are set."""
    header, start = _header(path)
    with open(path, "rb") as file:
        for name, about in header.items():
            if name != "__metadata__":
                place, _, key = name.partition("/")
                first, last = about["data_offsets"]
                file.seek(start + first)
                yield (int(place), key), int.from_bytes(file.read(last - first), "little").bit_count()


def _header(path: str) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where their bytes begin: eight bytes of length, then JSON."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        found: dict[str, Any] = json.loads(file.read(size))
    return found, 8 + size
