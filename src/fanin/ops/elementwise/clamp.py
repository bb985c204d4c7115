"""Numbers held between two bounds."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.code import OMIT, Code, Input, method
from fanin.ops.contract import Complaint, OpAttrs, Pointwise, Port, Result
from fanin.ops.dtypes import own_float
from fanin.record import record


@record
class ClampAttrs(OpAttrs):
    min: int | float | Poly | None = None
    max: int | float | Poly | None = None

    def bounds(self) -> tuple[int | float | Poly, ...]:
        return tuple(b for b in (self.min, self.max) if b is not None)


@final
class Clamp(Pointwise[ClampAttrs]):
    """``min(max(x, low), high)`` of every number; either bound may be left out.

    Shape: ``[*S] -> [*S]``; ints give floats where a bound is one
    The bounds are numbers; ``maximum`` and ``minimum`` take tensors. The gradient is 0 outside them.
    """

    name = "clamp"
    attrs = ClampAttrs
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = clamp(x, min=0)"

    def infer(self, a: ClampAttrs, *types: TensorType) -> Result:
        if not a.bounds():
            raise Complaint("`clamp` needs a bound", "min", kind="missing", help="clamp(x, min=0)")
        kinds = (DType.FLOAT if isinstance(b, float) else DType.INT for b in a.bounds())
        return types[0].with_dtype(promote(types[0].dtype, *kinds))

    def fold(self, a: ClampAttrs, *numbers: Any) -> Any:
        x = numbers[0]
        if any(isinstance(n, Poly) for n in (x, *a.bounds())):
            return None
        if a.min is not None:
            x = max(x, a.min)
        return x if a.max is None else min(x, a.max)

    def torch(self, a: ClampAttrs, *types: TensorType) -> Code:
        low, high = (OMIT if b is None else b for b in (a.min, a.max))
        code = method(Input(0), "clamp", min=low, max=high)
        return own_float(code, *types) if any(isinstance(b, float) for b in a.bounds()) else code

    def curve(self, a: ClampAttrs, x: Any) -> Any:
        import numpy as np

        low, high = (b if isinstance(b, int | float) else None for b in (a.min, a.max))
        return np.clip(x, low, high) if low is not None or high is not None else None
