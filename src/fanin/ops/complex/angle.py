"""The angle of complex numbers, from -π to π."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, NoAttrs, Pointwise, Port, Result


@final
class Angle(Pointwise[NoAttrs]):
    """The angle of complex numbers, from -π to π.

    Shape: ``complex[*S] -> [*S]``
    """

    name = "angle"
    inputs = (Port("x", FLOATS),)
    example = "y = angle(x)"
    example_inputs = {"x": "complex[N, 8]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.FLOAT)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.angle", Input(0))
