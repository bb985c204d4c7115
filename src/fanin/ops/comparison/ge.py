"""At least."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType
from fanin.ops.elementwise.binary import Comparison, ordered_kind


@final
class Ge(Comparison):
    """Where ``x >= y``, broadcast.

    Shape: ``[*S], [*S] -> bool[*S]``
    """

    name = "ge"
    title = ">="
    sign = ">="
    example = "z = x >= y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        ordered_kind(x, y, self.title)
        return DType.BOOL

    def number(self, x: Any, y: Any) -> Any:
        return x >= y
