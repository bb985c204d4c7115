"""The largest along axes."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType
from fanin.ops.axes import normal_axes
from fanin.ops.contract import Port
from fanin.ops.reduction._reduction import Folding


@final
class Amax(Folding):
    """The largest number along some axes, or of all there are.

    Shape: ``[N, D] -> [N]``
    The gradient is shared by equal ones.
    """

    name = "amax"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = amax(x, axis=1)"
    kept = ("x", "result")
    nonempty = True

    def kind(self, dtype: DType) -> DType:
        return dtype

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.reduce import Largest

        return Largest(normal_axes(a.axis, types[0].rank))

    def masked(self, a: Any, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
