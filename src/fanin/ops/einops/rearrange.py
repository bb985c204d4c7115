"""Axes renamed, reordered, split and joined."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import final

from fanin.ir.types import TensorType
from fanin.ops.einops._match import lettered, match
from fanin.ops.einops._rearranged import PatternAttrs, Rearranged
from fanin.ops.keeping import Lies
from fanin.ops.ties import Ties


@final
class Rearrange(Rearranged):
    """x with its axes in the order and grouping of the right of the pattern, by the names that its left gives them.

    Shape: ``[B, T, H * D] -> [B, H, T, D]`` for ``rearrange(x, "b t (h d) -> b h t d", h=heads)``
    Brackets are one axis made of several, the first of them the slowest; all but one need a size. ``1`` is an axis of
    size 1, ``...`` any further axes.
    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
    """

    name = "rearrange"
    example = 'y = rearrange(x, "n (h d) -> h n d", h=2)'

    def lies(self, a: PatternAttrs, *types: TensorType) -> Lies:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left = [axis for group in m.left for axis in group]
        axes = tuple(left.index(axis) for group in m.right for axis in group)
        apart = any(left.index(t) != left.index(s) + 1 for group in m.right for s, t in pairwise(group))
        return Lies(axes=axes, packed=apart)

    def couplings(self, a: PatternAttrs, *types: TensorType) -> Ties:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left, right, sizes = lettered(m, a.sizes, types[0])
        return Ties((left,), (right,), resize=lambda n: replace(a, sizes=sizes(n)))
