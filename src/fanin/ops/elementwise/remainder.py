"""The remainder."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, IfNumber, Infix, Input, as_tensor, call
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import WholeDivision
from fanin.ops.keeping import Backprop, Kept


@final
class Remainder(WholeDivision):
    """The remainder of ``x / y``, with the sign of y, broadcast; ``x % y``.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "remainder"
    title = "remainder"
    example = "z = remainder(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def number(self, x: Any, y: Any) -> Any:
        return x % y

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        if self.kind(types[0].dtype, types[1].dtype) is not DType.FLOAT:
            return Infix("%", Input(0), Input(1))
        # A number to the left of the operator leaves what stands right without a gradient.
        number = call("torch.remainder", as_tensor(0), Input(1))
        return self.settled(IfNumber(0, number, call("torch.remainder", Input(0), Input(1))), *types)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.asked(1) else ())
