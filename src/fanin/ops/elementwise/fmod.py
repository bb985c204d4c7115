"""The remainder towards zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, NoAttrs, Port
from fanin.ops.elementwise.binary import Binary, divisible_kind, refuse_zero


@final
class Fmod(Binary):
    """The remainder of ``x / y``, with the sign of x, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "fmod"
    title = "fmod"
    inputs = (Port("x", ANY), Port("y", ANY, number=True))
    example = "z = fmod(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        return divisible_kind(x, y, self.title)

    def number(self, x: Any, y: Any) -> Any:
        return math.fmod(x, y) if isinstance(x, float) or isinstance(y, float) else int(math.fmod(x, y))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.fmod", Input(0), Input(1)), *types)

    def check_numbers(
        self, a: NoAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]
    ) -> None:
        refuse_zero(types, numbers, self.title)
