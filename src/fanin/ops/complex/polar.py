"""Complex numbers from their sizes and angles."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import Inferred, NoAttrs, Op, Port, Result
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, pointwise


@final
class Polar(Op[NoAttrs]):
    """Complex numbers from their sizes and angles.

    Shape: ``[*S], [*S] -> complex[*S]``, broadcast
    """

    name = "polar"
    inputs = (Port("abs", FLOAT), Port("angle", FLOAT))
    example = "y = polar(a, b)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 8]"}
    kept = ("result",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        shape, needs = broadcast(("abs", types[0]), ("angle", types[1]), what="the two parts")
        return Inferred((TensorType(DType.COMPLEX, shape),), needs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.polar", Input(0), Input(1))

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)
