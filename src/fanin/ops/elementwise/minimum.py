"""The smaller of two."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, IfNumber, Input, call, method
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Binary, ordered_kind


@final
class Minimum(Binary):
    """The smaller of x and y, one by one, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Of two numbers too; ``min`` is the language's own.
    """

    name = "minimum"
    title = "minimum"
    example = "z = minimum(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        return ordered_kind(x, y, self.title)

    def number(self, x: Any, y: Any) -> Any:
        return min(x, y)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        # torch.minimum takes no number; `clamp` is what people write there.
        tensors = call("torch.minimum", Input(0), Input(1))
        first = IfNumber(0, method(Input(1), "clamp", max=Input(0)), tensors)
        return self.settled(IfNumber(1, method(Input(0), "clamp", max=Input(1)), first), *types)
