"""Division."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ops.contract import Complaint, NoAttrs
from fanin.ops.dtypes import to_float
from fanin.ops.elementwise.binary import Arithmetic
from fanin.ops.keeping import Backprop, Kept


@final
class Div(Arithmetic):
    """``x / y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Two int tensors give floats; ``//`` gives ints. Two compile-time integers have to divide.
    """

    name = "div"
    title = "/"
    example = "z = x / y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return to_float(promote(x, y))

    def number(self, x: Any, y: Any) -> Any:
        if not (isinstance(x, int) and isinstance(y, int)):
            return x / y
        if x % y:
            raise Complaint(f"{y} does not divide {x}", "y", kind="indivisible", help=f"{x} // {y}")
        return x // y

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        if 0 in use.numbers:
            return Kept(more=(use.results[0],))  # the reciprocals
        return Kept((0, 1) if use.asked(1) else (1,))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Quotient

        return Quotient()

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 and values[1] != 0 else super().masked(a, values, own)
