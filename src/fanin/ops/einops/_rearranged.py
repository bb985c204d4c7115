"""What ``rearrange`` and ``repeat`` have in common: x by a pattern, entry for entry."""

from __future__ import annotations

from typing import Any

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input
from fanin.ops.contract import ANY, Inferred, Op, OpAttrs, Port, Result
from fanin.ops.einops._match import Given, match
from fanin.ops.einops._steps import steps
from fanin.ops.sees import Sees, Use, moved, named
from fanin.record import record


@record
class PatternAttrs(OpAttrs):
    pattern: str
    sizes: Given = ()


class Rearranged(Op[PatternAttrs]):
    """Every entry of the result is one of x."""

    attrs = PatternAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "pattern")
    keywords = "sizes"
    kept = ()

    def infer(self, a: PatternAttrs, *types: TensorType) -> Result:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        return Inferred((types[0].with_shape(*m.shape()),), m.needs)

    def sees(self, a: PatternAttrs, use: Use) -> Sees:
        m = match(a.pattern, a.sizes, use.x, name=self.name)
        return moved(named(m.left, m.right, m.sizes, ()))

    def torch(self, a: PatternAttrs, *types: TensorType) -> Code:
        return steps(Input(0), match(a.pattern, a.sizes, types[0], name=self.name))

    def signal(self, a: PatternAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.rearranged import rearranged

        return rearranged(match(a.pattern, a.sizes, types[0], name=self.name), None)
