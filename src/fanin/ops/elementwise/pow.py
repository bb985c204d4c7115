"""Powers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.contract import Complaint, NoAttrs
from fanin.ops.elementwise.binary import Arithmetic
from fanin.ops.keeping import Backprop, Kept

_MOST_BITS = 4096  # of a whole number, so that elaboration ends


@final
class Pow(Arithmetic):
    """``x ** y``, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    Signal: ``E[(x²)²] = 3σ⁴ + 6σ²μ² + μ⁴`` for a square of a normal x.
    """

    name = "pow"
    title = "**"
    example = "z = x ** y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def kind(self, x: DType, y: DType) -> DType:
        if y is DType.BOOL:
            raise Complaint("a bool tensor is no exponent", "y", kind="type", help="int(mask)")
        return promote(x, y)

    def check_numbers(self, a: NoAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]) -> None:
        exponent = numbers[1]
        if types[0].dtype is not DType.FLOAT and isinstance(exponent, int) and exponent < 0:
            raise Complaint(f"an int tensor has no power of {exponent}", "y", kind="type", help=f"x ** {exponent}.0")

    def number(self, x: Any, y: Any) -> Any:
        if isinstance(x, int) and isinstance(y, int) and y > 0 and abs(x).bit_length() * y > _MOST_BITS:
            raise OverflowError
        return x**y

    def arrays(self, x: Any, y: Any) -> Any:
        import numpy as np

        with np.errstate(all="ignore"):
            found = np.power(np.asarray(x, float), y)
        return np.where(np.isfinite(found), found, np.nan)

    def dimension(self, x: Any, y: Any) -> Any:
        return x**y if isinstance(x, Poly) and isinstance(y, int) and 0 <= y <= 8 else None

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        if use.asked(1):
            return Kept((0, 1), (0,))
        return Kept((0, 1))
