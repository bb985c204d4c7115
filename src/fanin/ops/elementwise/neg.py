"""The number below 0 for one above."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, Prefix
from fanin.ops.contract import NUMBERS, Elementwise, NoAttrs, Port


@final
class Neg(Elementwise[NoAttrs]):
    """``-x``.

    Shape: ``[*S] -> [*S]``
    Bool tensors have none: ``not mask`` inverts one.
    Signal: the mean changes its sign, the second moment stays.
    """

    name = "neg"
    inputs = (Port("x", NUMBERS),)
    example = "y = -x"
    kept = ()

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return -numbers[0]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Prefix("-", Input(0))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        return -x
