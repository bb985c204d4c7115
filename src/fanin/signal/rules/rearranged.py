"""Patterns of einops as a chain: axes in parts, some taken together, in another order, repeated, joined."""

from __future__ import annotations

from math import prod
from typing import Any

from fanin.signal.rules.base import Rule
from fanin.signal.rules.chain import Chain
from fanin.signal.rules.reduce import Mean
from fanin.signal.rules.shape import Permute, Reshape, Stretch


def rearranged(m: Any, reduction: str | None) -> Rule:
    """``m`` is the pattern matched with a shape; what the right side lacks is taken together as ``reduction`` says."""
    names = [name for group in m.left for name in group]
    sizes = {name: int(m.product((name,))) for name in dict.fromkeys([*names, *(n for g in m.right for n in g)])}
    shape = tuple(sizes[n] for n in names)
    parts: list[tuple[Rule, tuple[int, ...]]] = [(Reshape(), shape)]
    right = [name for group in m.right for name in group]
    gone = [i for i, name in enumerate(names) if name not in right]
    if gone:
        names = [name for name in names if name in right]
        parts.append((Mean(gone, total=reduction == "sum"), tuple(sizes[n] for n in names)))
    order = [names.index(name) for name in right if name in names]
    kept = [name for name in right if name in names]
    parts.append((Permute(order), tuple(sizes[n] for n in kept)))
    if len(kept) != len(right):
        single = tuple(sizes[n] if n in kept else 1 for n in right)
        parts.append((Reshape(), single))
        parts.append((Stretch(), tuple(sizes[n] for n in right)))
    parts.append((Reshape(), tuple(prod(sizes[n] for n in group) for group in m.right)))
    return Chain(parts)
