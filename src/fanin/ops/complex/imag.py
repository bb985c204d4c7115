"""The imaginary part of complex numbers."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import NoAttrs, Pointwise, Port, Result
from fanin.ops.keeping import PART, Lies


@final
class Imag(Pointwise[NoAttrs]):
    """The imaginary part of complex numbers.

    Shape: ``complex[*S] -> [*S]``
    """

    name = "imag"
    inputs = (Port("x", (DType.COMPLEX,)),)
    example = "y = imag(x)"
    example_inputs = {"x": "complex[N, 8]"}
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.FLOAT)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.imag", Input(0))

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return PART
