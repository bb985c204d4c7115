"""Addition."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ops.contract import NoAttrs
from fanin.ops.elementwise.binary import Arithmetic


@final
class Add(Arithmetic):
    """``x + y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Signal: second moments add where the two are uncorrelated and one has mean zero.
    """

    name = "add"
    title = "+"
    example = "z = x + y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ()
    passes = ("x", "y")

    def kind(self, x: DType, y: DType) -> DType:
        return promote(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x + y

    def dimension(self, x: Any, y: Any) -> Any:
        return self.number(x, y)

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Sum

        return Sum()
