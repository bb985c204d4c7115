"""Functions of real numbers that PyTorch takes ints for as well, and makes floats of them."""

from __future__ import annotations

from typing import ClassVar

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import ANY, NUMBERS, Complaint, NoAttrs, ParamSpec, Pointwise, Port, Result
from fanin.ops.dtypes import own_float, to_float

ANY_X = (Port("x", ANY),)
NUMBER_X = (Port("x", NUMBERS),)


class FloatActivation(Pointwise[NoAttrs]):
    """A function of each number alone: floats and complex numbers stay, ints become floats."""

    function: ClassVar[str]
    """Its name in PyTorch."""

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(to_float(types[0].dtype))

    def params(self, a: NoAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        if types[0].dtype not in (DType.FLOAT, DType.COMPLEX):
            # It gives PyTorch's default dtype for these, where `torch` gives the model's.
            message = f"the module `{self.module}` is for floats, and these are {types[0].dtype.value}s"
            raise Complaint(message, "x", kind="type", help=f"{self.name}(x)")
        return ()

    def construct(self, a: NoAttrs, *types: TensorType) -> Call | None:
        return call(f"nn.{self.module}")

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return own_float(call(self.function, Input(0)), types[0])
