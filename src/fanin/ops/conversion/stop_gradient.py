"""A value that no gradient flows through."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import ANY, Elementwise, NoAttrs, Port
from fanin.ops.keeping import Lies, same


@final
class StopGradient(Elementwise[NoAttrs]):
    """x as it is, and a constant for the backward pass.

    Shape: ``[*S] -> [*S]``
    """

    name = "stop_gradient"
    inputs = (Port("x", ANY),)
    example = "y = stop_gradient(x)"
    differentiable = False
    kept = ()

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return method(Input(0), "detach")

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return same(types[0])

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stop

        return Stop()
