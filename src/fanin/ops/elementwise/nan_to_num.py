"""Numbers in the place of what is none."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Elementwise, OpAttrs, Port
from fanin.record import record


@record
class NanToNumAttrs(OpAttrs):
    nan: float = 0.0
    posinf: float | None = None
    neginf: float | None = None


@final
class NanToNum(Elementwise[NanToNumAttrs]):
    """x with ``nan`` for what is not a number, and ``posinf`` and ``neginf`` for what is infinite.

    Shape: ``[*S] -> [*S]``
    Where left out, an infinite number becomes the largest or smallest that the dtype has.
    """

    name = "nan_to_num"
    attrs = NanToNumAttrs
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT)),)
    example = "y = nan_to_num(x)"

    def torch(self, a: NanToNumAttrs, *types: TensorType) -> Code:
        return call(
            "torch.nan_to_num",
            Input(0),
            nan=unless(a.nan, 0.0),
            posinf=unless(a.posinf, None),
            neginf=unless(a.neginf, None),
        )
