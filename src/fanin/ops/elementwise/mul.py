"""Multiplication."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Form, is_number
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Arithmetic
from fanin.ops.keeping import Backprop, Kept, crosswise


@final
class Mul(Arithmetic):
    """``x * y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Signal: second moments multiply where the two are independent.
    """

    name = "mul"
    title = "*"
    example = "z = x * y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return promote(x, y)

    def at_place(self, x: Any, y: Any) -> Any:
        if any(is_number(v) and v == 0 for v in (x, y)):
            return 0
        forms = [v for v in (x, y) if isinstance(v, Form)]
        if len(forms) == 1 and all(isinstance(v, (int, Poly, Form)) for v in (x, y)):
            return x * y
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x * y

    def dimension(self, x: Any, y: Any) -> Any:
        return self.number(x, y)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(crosswise(use))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Product

        return Product()

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if 0.0 in values else super().masked(a, values, own)
