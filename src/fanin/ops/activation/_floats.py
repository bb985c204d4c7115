"""Functions of real numbers that PyTorch takes ints for as well, and makes floats of them."""

from __future__ import annotations

from typing import ClassVar

from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import ANY, NUMBERS, NoAttrs, Pointwise, Port, Result
from fanin.ops.dtypes import own_float, to_float

ANY_X = (Port("x", ANY),)
NUMBER_X = (Port("x", NUMBERS),)


class FloatActivation(Pointwise[NoAttrs]):
    """A function of each number alone: floats and complex numbers stay, ints become floats."""

    function: ClassVar[str]
    """Its name in PyTorch."""

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(to_float(types[0].dtype))

    def construct(self, a: NoAttrs, *types: TensorType) -> Call | None:
        return call(f"nn.{self.module}")  # gives PyTorch's default dtype for ints, where `torch` gives the model's

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return own_float(call(self.function, Input(0)), types[0])
