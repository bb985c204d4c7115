"""Addition."""

from __future__ import annotations

from math import inf
from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.numbers import OPEN, Form
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

    def at_place(self, x: Any, y: Any) -> Any:
        forms = [v for v in (x, y) if isinstance(v, Form)]
        if forms and all(isinstance(v, (int, Poly, Form)) for v in (x, y)):
            return x + y
        if -inf in (x, y) and OPEN in (x, y):
            return -inf  # whatever is added to a score that is masked
        return super().at_place(x, y)

    def number(self, x: Any, y: Any) -> Any:
        return x + y

    def dimension(self, x: Any, y: Any) -> Any:
        return self.number(x, y)

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Sum

        return Sum()
