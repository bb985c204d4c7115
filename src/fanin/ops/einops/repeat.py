"""New axes along which everything repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from fanin.ir.types import TensorType
from fanin.ops.einops._match import lettered, match
from fanin.ops.einops._rearranged import PatternAttrs, Rearranged
from fanin.ops.keeping import NEW, PART, Lies
from fanin.ops.ties import Ties


@final
class Repeat(Rearranged):
    """x repeated along the axes that stand on the right of the pattern alone; a number is such an axis too.

    Shape: ``[N, K] -> [N, K, D]`` for ``repeat(x, "n k -> n k d", d=D)``
    The rest is as in ``rearrange``. ``tile`` is what PyTorch calls ``repeat``.
    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
    """

    name = "repeat"
    example = 'y = repeat(x, "n d -> n k d", k=3)'

    def lies(self, a: PatternAttrs, *types: TensorType) -> Lies:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        joined = any(axis in m.new for group in m.right if len(group) > 1 for axis in group)
        return NEW if joined else PART

    def couplings(self, a: PatternAttrs, *types: TensorType) -> Ties:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left, right, sizes = lettered(m, a.sizes, types[0])
        fixed = tuple((name, "they are copies") for name in m.new)
        return Ties((left,), (right,), fixed=fixed, resize=lambda n: replace(a, sizes=sizes(n)))

    def masked(self, a: PatternAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
