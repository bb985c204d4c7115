"""The absolute value."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import NUMBERS, NoAttrs, Pointwise, Port, Result
from fanin.ops.elementwise._function import folded


@final
class Abs(Pointwise[NoAttrs]):
    """The size of every number; the modulus of a complex one, as a float.

    Shape: ``[*S] -> [*S]``
    Signal: mean ``σ √(2/π)`` and second moment ``σ²`` for a normal x of mean 0.
    """

    name = "abs"
    inputs = (Port("x", NUMBERS),)
    example = "y = abs(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        return x.with_dtype(DType.FLOAT) if x.dtype is DType.COMPLEX else x

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return folded(self.name, abs, *numbers)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.abs", Input(0))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        return np.abs(x)
