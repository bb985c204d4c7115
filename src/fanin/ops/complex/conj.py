"""Complex numbers with the imaginary part turned round."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, NoAttrs, Pointwise, Port, Result


@final
class Conj(Pointwise[NoAttrs]):
    """Complex numbers with the imaginary part turned round.

    Shape: ``complex[*S] -> complex[*S]``
    """

    name = "conj"
    inputs = (Port("x", FLOATS),)
    example = "y = conj(x)"
    example_inputs = {"x": "complex[N, 8]"}
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.conj_physical", Input(0))
