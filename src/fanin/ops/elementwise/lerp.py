"""A point on the line between two."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.types import TensorType, promote
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, as_tensor, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result
from fanin.ops.dtypes import to_float
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.ties import Ties, stretch


@final
class Lerp(Op[NoAttrs]):
    """``x + weight · (end - x)``; all three broadcast.

    Shape: ``x [*S], end [*S], weight [*S] -> [*S]``
    """

    name = "lerp"
    inputs = (Port("x", FLOATS, number=True), Port("end", FLOATS, number=True), Port("weight", FLOATS, number=True))
    example = "z = lerp(x, y, 0.5)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, end, weight = (t.with_dtype(to_float(t.dtype)) for t in types)  # whole numbers may stand here too
        if x.dtype is not end.dtype or promote(x.dtype, weight.dtype) is not x.dtype:
            raise Complaint("the ends and the weight of `lerp` are of one kind", "end", kind="type")
        shape, needs = broadcast(("x", x), ("end", end), ("weight", weight), what="the tensors of `lerp`")
        return Inferred((TensorType(x.dtype, shape),), needs)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        x, end, weight = numbers
        return None if any(isinstance(n, Poly) for n in numbers) else x + weight * (end - x)

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.lerp", as_tensor(0), as_tensor(1), Input(2))

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        inner, outer = stretch(types, max(t.rank for t in types))
        return Ties(inner, (outer,))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0] if values[0] == values[1] else None
