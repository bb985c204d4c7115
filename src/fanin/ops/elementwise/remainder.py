"""The remainder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Binary, divisible_kind, refuse_zero


@final
class Remainder(Binary):
    """The remainder of ``x / y``, with the sign of y, broadcast; ``x % y``.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "remainder"
    title = "remainder"
    example = "z = remainder(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return divisible_kind(x, y, self.title)

    def number(self, x: Any, y: Any) -> Any:
        return x % y

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.remainder", Input(0), Input(1)), *types)

    def check_numbers(
        self, a: NoAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]
    ) -> None:
        refuse_zero(types, numbers, self.title)
