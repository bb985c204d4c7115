"""New axes along which everything repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input
from fanin.ops.contract import ANY, Inferred, Op, Port, Result
from fanin.ops.einops._match import lettered, match
from fanin.ops.einops._steps import steps
from fanin.ops.einops.rearrange import RearrangeAttrs
from fanin.ops.keeping import NEW, PART, Lies
from fanin.ops.sees import Sees, Use, moved, named
from fanin.ops.ties import Ties


@final
class Repeat(Op[RearrangeAttrs]):
    """x repeated along the axes that stand on the right of the pattern alone; a number is such an axis too.

    Shape: ``[N, K] -> [N, K, D]`` for ``repeat(x, "n k -> n k d", d=D)``
    The rest is as in ``rearrange``. ``tile`` is what PyTorch calls ``repeat``.
    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
    """

    name = "repeat"
    attrs = RearrangeAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "pattern")
    keywords = "sizes"
    example = 'y = repeat(x, "n d -> n k d", k=3)'
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
        joined = any(axis in m.new for group in m.right if len(group) > 1 for axis in group)
        return NEW if joined else PART

    def signal(self, a: RearrangeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.rearranged import rearranged

        return rearranged(match(a.pattern, a.sizes, types[0], name=self.name), None)

    def couplings(self, a: RearrangeAttrs, *types: TensorType) -> Ties:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left, right, sizes = lettered(m, a.sizes, types[0])
        fixed = tuple((name, "they are copies") for name in m.new)
        return Ties((left,), (right,), fixed=fixed, resize=lambda n: replace(a, sizes=sizes(n)))

    def masked(self, a: RearrangeAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
