"""A number wherever a mask holds."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.numbers import OPEN, Known, combined
from fanin.ir.types import TensorType, promote
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, BOOLS, Complaint, Inferred, NoAttrs, Op, Port, Result
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.ties import Ties, stretch


@final
class MaskedFill(Op[NoAttrs]):
    """x, and ``value`` wherever the mask holds; x and mask broadcast, the value is one number.

    Shape: ``x [*S], mask bool[*S], value [] -> [*S]``
    """

    name = "masked_fill"
    inputs = (Port("x", ANY), Port("mask", BOOLS), Port("value", ANY, number=True))
    example = "y = masked_fill(x, mask, -inf)"
    example_inputs = {"x": "[N, 8]", "mask": "bool[N, 8]"}
    kept = ("mask",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, mask, value = types
        if value.rank:
            raise Complaint(f"`masked_fill` takes one number, not {value}", "value", help="where(mask, value, x)")
        if promote(x.dtype, value.dtype) is not x.dtype:
            message = f"{value.dtype.value} numbers do not fit into this {x.dtype.value} tensor"
            raise Complaint(message, "value", kind="type", help="where(mask, value, x)")
        shape, needs = broadcast(("x", x), ("mask", mask), what="the tensor and the mask")
        return Inferred((TensorType(x.dtype, shape),), needs)

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        return combined(lambda x, mask, value: value if mask is True else x if mask is False else OPEN, *inputs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return method(Input(0), "masked_fill", Input(1), Input(2))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.masks import Masked

        return Masked(mask=1)

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        inner, outer = stretch(types, max(t.rank for t in types))
        return Ties(inner, (outer,))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0] if values[0] == values[2] else None
