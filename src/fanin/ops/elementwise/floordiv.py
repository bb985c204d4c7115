"""Division, rounded down."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Infix, Input, as_tensor, call
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import WholeDivision
from fanin.ops.keeping import Backprop, Kept


@final
class Floordiv(WholeDivision):
    """``x / y`` rounded down, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Its gradient is 0.
    """

    name = "floordiv"
    title = "//"
    example = "z = x // y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    differentiable = False

    def number(self, x: Any, y: Any) -> Any:
        return x // y

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        if self.kind(types[0].dtype, types[1].dtype) is not DType.FLOAT:
            return Infix("//", Input(0), Input(1))
        # The operator has no gradient for floats; this has one, of 0.
        return self.settled(call("torch.div", as_tensor(0), Input(1), rounding_mode="floor"), *types)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.asked(1) else (1,))
