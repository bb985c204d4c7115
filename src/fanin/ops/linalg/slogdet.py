"""The sign and logarithm of determinants."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Inferred, NoAttrs, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.linalg._square import OfSquare, need_square


@final
class Slogdet(OfSquare):
    """The sign of each matrix's determinant, and the logarithm of its size.

    Shape: ``[*, D, D] -> sign [*], logabsdet [*]``
    """

    name = "slogdet"
    results = ("sign", "logabsdet")
    example = "sign, logabsdet = slogdet(x)"

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x = types[0]
        sign = x.with_shape(*x.shape[:-2])
        return Inferred((sign, sign.with_dtype(DType.FLOAT)), need_square(x, self.name))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0,), (0,), (use.x, use.x.with_dtype(DType.INT).with_shape(*use.x.shape[:-1])))
