"""Negation of truth values."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, Prefix
from fanin.ops.contract import BOOLS, Elementwise, NoAttrs, Port


@final
class LogicalNot(Elementwise[NoAttrs]):
    """``not x`` of a bool tensor.

    Shape: ``bool[*S] -> bool[*S]``
    """

    name = "logical_not"
    inputs = (Port("x", BOOLS),)
    example = "y = not x"
    example_inputs = {"x": "bool[N, 8]"}
    kept = ()

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return not numbers[0]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Prefix("~", Input(0))
