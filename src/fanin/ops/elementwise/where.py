"""One of two, as a mask says."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.numbers import OPEN, Known, combined
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, BOOLS, Inferred, NoAttrs, Op, Port, Result
from fanin.ops.dtypes import own_float
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.ties import Ties, stretch


@final
class Where(Op[NoAttrs]):
    """x where the condition holds, y elsewhere; all three broadcast.

    Shape: ``condition bool[*S], x [*S], y [*S] -> [*S]``
    Both sides are computed, and a side that is infinite or no number has no gradient to give: mend it before.
    """

    name = "where"
    inputs = (Port("condition", BOOLS), Port("x", ANY, number=True), Port("y", ANY, number=True))
    example = "y = where(mask, x, 0)"
    example_inputs = {"x": "[N, 8]", "mask": "bool[N, 8]"}
    kept = ("condition",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        condition, x, y = types
        operands = (("condition", condition), ("x", x), ("y", y))
        shape, needs = broadcast(*operands, what="the condition and the two sides of `where`")
        return Inferred((TensorType(promote(x.dtype, y.dtype), shape),), needs)

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        return combined(lambda holds, x, y: x if holds is True else y if holds is False else OPEN, *inputs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        code = call("torch.where", Input(0), Input(1), Input(2))
        x, y = types[1:]
        return own_float(code, x, y, first=1) if promote(x.dtype, y.dtype) is DType.FLOAT else code

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.masks import Masked

        return Masked(mask=0)

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        inner, outer = stretch(types, max(t.rank for t in types))
        return Ties(inner, (outer,))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[1] if values[1] == values[2] else None
