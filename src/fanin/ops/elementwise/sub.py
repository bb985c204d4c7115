"""Subtraction."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Form
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.contract import Complaint, NoAttrs
from fanin.ops.elementwise.binary import Arithmetic


@final
class Sub(Arithmetic):
    """``x - y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Bool tensors have no difference: ``not mask`` inverts one.
    Signal: second moments add where the two are uncorrelated and one has mean zero.
    """

    name = "sub"
    title = "-"
    example = "z = x - y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ()
    passes = ("x",)

    def kind(self, x: DType, y: DType) -> DType:
        if DType.BOOL in (x, y):
            port = "x" if x is DType.BOOL else "y"
            raise Complaint("a bool tensor cannot be subtracted", port, kind="type", help="float(mask)")
        return promote(x, y)

    def at_place(self, x: Any, y: Any) -> Any:
        forms = [v for v in (x, y) if isinstance(v, Form)]
        if forms and all(isinstance(v, (int, Poly, Form)) for v in (x, y)):
            return x - y
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x - y

    def dimension(self, x: Any, y: Any) -> Any:
        return self.number(x, y)

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Sum

        return Sum((1.0, -1.0))
