"""Complex numbers from their real and imaginary parts."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import Inferred, NoAttrs, Op, Port, Result
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, pointwise


@final
class Complex(Op[NoAttrs]):
    """Complex numbers from their real and imaginary parts.

    Shape: ``[*S], [*S] -> complex[*S]``, broadcast
    """

    name = "complex"
    inputs = (Port("real", FLOAT), Port("imag", FLOAT))
    example = "y = complex(a, b)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 8]"}
    kept = ("real", "imag")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        shape, needs = broadcast(("real", types[0]), ("imag", types[1]), what="the two parts")
        return Inferred((TensorType(DType.COMPLEX, shape),), needs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.complex", Input(0), Input(1))

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)
