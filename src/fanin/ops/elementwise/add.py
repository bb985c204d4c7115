"""Addition."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Infix, Input
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Arithmetic


@final
class Add(Arithmetic[NoAttrs]):
    """``x + y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Signal: second moments add where the two are uncorrelated and one has mean zero.
    """

    name = "add"
    example = "z = x + y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return numbers[0] + numbers[1]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Infix("+", Input(0), Input(1))
