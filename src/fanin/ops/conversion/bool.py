"""To bools."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, NoAttrs, Pointwise, Port, Result


@final
class Bool(Pointwise[NoAttrs]):
    """Where x is not 0; of a number at compile time, whether it is.

    Shape: ``[*S] -> bool[*S]``
    """

    name = "bool"
    inputs = (Port("x", ANY),)
    example = "y = bool(x)"
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.BOOL)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return None if isinstance(numbers[0], Poly) else bool(numbers[0])

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return method(Input(0), "bool")
