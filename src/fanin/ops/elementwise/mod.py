"""The remainder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Arithmetic, divisible_kind, refuse_zero


@final
class Mod(Arithmetic):
    """The remainder of ``x / y``, with the sign of y, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "mod"
    title = "%"
    example = "z = x % y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return divisible_kind(x, y, self.title)

    def number(self, x: Any, y: Any) -> Any:
        return x % y

    def check_numbers(
        self, a: NoAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]
    ) -> None:
        refuse_zero(types, numbers, self.title)
