"""The square."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, NoAttrs, Pointwise, Port, Result


@final
class Square(Pointwise[NoAttrs]):
    """``x²`` of every number; bools give ints.

    Shape: ``[*S] -> [*S]``
    Signal: mean ``σ² + μ²`` and second moment ``3σ⁴ + 6σ²μ² + μ⁴`` for a normal x.
    """

    name = "square"
    inputs = (Port("x", ANY),)
    example = "y = square(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return x.with_dtype(DType.INT) if x.dtype is DType.BOOL else x

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return numbers[0] * numbers[0]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.square", Input(0))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        return x * x
