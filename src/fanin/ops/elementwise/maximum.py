"""The larger of two."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, IfNumber, Input, call, method
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Binary, ordered_kind


@final
class Maximum(Binary):
    """The larger of x and y, one by one, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Of two numbers too; ``max`` is the language's own.
    """

    name = "maximum"
    title = "maximum"
    example = "z = maximum(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        return ordered_kind(x, y, self.title)

    def number(self, x: Any, y: Any) -> Any:
        return max(x, y)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        # torch.maximum takes no number; `clamp` is what people write there.
        tensors = call("torch.maximum", Input(0), Input(1))
        first = IfNumber(0, method(Input(1), "clamp", min=Input(0)), tensors)
        return self.settled(IfNumber(1, method(Input(0), "clamp", min=Input(1)), first), *types)
