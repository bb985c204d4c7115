"""Nothing at all."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import ANY, Elementwise, NoAttrs, Port
from fanin.ops.keeping import Lies, same


@final
class Identity(Elementwise[NoAttrs]):
    """What comes in: the branch that does nothing.

    Shape: ``[*S] -> [*S]``
    Signal: the input's.
    """

    name = "identity"
    module = "Identity"
    inputs = (Port("x", ANY),)
    example = "y = x -> identity"
    kept = ()

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return numbers[0]

    def construct(self, a: NoAttrs, *types: TensorType) -> Call:
        return call("nn.Identity")

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Input(0)

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return same(types[0])

    def inverse(self, a: NoAttrs) -> tuple[str, NoAttrs]:
        return "identity", a

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Same

        return Same()
