"""To ints."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Form, Known
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import Complaint, NoAttrs, Pointwise, Port, Result
from fanin.ops.keeping import NEW, Lies, same
from fanin.ops.sees import Use


@final
class Int(Pointwise[NoAttrs]):
    """x as ints, rounded towards zero; of a number at compile time, that number.

    Shape: ``[*S] -> int[*S]``
    """

    name = "int"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = int(x)"
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.INT)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        number = numbers[0]
        if isinstance(number, Poly):
            return number
        if number != number or number in (float("inf"), float("-inf")):
            raise Complaint(f"`int({number})` is not a number", "x", kind="type")
        return int(number)

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        forms = tuple(piece for piece in inputs[0] if isinstance(piece.value, Form))  # whole numbers stay what they are
        return (*forms, *super().known(a, use, tuple(piece for piece in inputs[0] if piece not in forms)))

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return same(types[0]) if types[0].dtype is DType.INT else NEW

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return method(Input(0), "long")
