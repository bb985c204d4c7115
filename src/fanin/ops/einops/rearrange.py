"""Axes renamed, reordered, split and joined."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input
from fanin.ops.contract import ANY, Inferred, Op, OpAttrs, Port, Result
from fanin.ops.einops._match import Given, lettered, match
from fanin.ops.einops._steps import steps
from fanin.ops.keeping import Lies
from fanin.ops.sees import Sees, Use, moved, named
from fanin.ops.ties import Ties
from fanin.record import record


@record
class RearrangeAttrs(OpAttrs):
    pattern: str
    sizes: Given = ()


@final
class Rearrange(Op[RearrangeAttrs]):
    """x with its axes in the order and grouping of the right of the pattern, by the names that its left gives them.

    Shape: ``[B, T, H * D] -> [B, H, T, D]`` for ``rearrange(x, "b t (h d) -> b h t d", h=heads)``
    Brackets are one axis made of several, the first of them the slowest; all but one need a size. ``1`` is an axis of
    size 1, ``...`` any further axes.
    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
    """

    name = "rearrange"
    attrs = RearrangeAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "pattern")
    keywords = "sizes"
    example = 'y = rearrange(x, "n (h d) -> h n d", h=2)'
    kept = ()

    def infer(self, a: RearrangeAttrs, *types: TensorType) -> Result:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        return Inferred((types[0].with_shape(*m.shape()),), m.needs)

    def sees(self, a: RearrangeAttrs, use: Use) -> Sees:
        m = match(a.pattern, a.sizes, use.x, name=self.name)
        return moved(named(m.left, m.right, m.sizes, ()))

    def torch(self, a: RearrangeAttrs, *types: TensorType) -> Code:
        return steps(Input(0), match(a.pattern, a.sizes, types[0], name=self.name))

    def lies(self, a: RearrangeAttrs, *types: TensorType) -> Lies:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left = [axis for group in m.left for axis in group]
        axes = tuple(left.index(axis) for group in m.right for axis in group)
        apart = any(left.index(t) != left.index(s) + 1 for group in m.right for s, t in pairwise(group))
        return Lies(axes=axes, packed=apart)

    def signal(self, a: RearrangeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.rearranged import rearranged

        return rearranged(match(a.pattern, a.sizes, types[0], name=self.name), None)

    def couplings(self, a: RearrangeAttrs, *types: TensorType) -> Ties:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left, right, sizes = lettered(m, a.sizes, types[0])
        return Ties((left,), (right,), resize=lambda n: replace(a, sizes=sizes(n)))
