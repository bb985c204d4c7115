"""The real numbers that ``rfft`` was of."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import Dim
from fanin.ir.types import DType
from fanin.ops.fourier._transform import Transform, TransformAttrs


@final
class Irfft(Transform):
    """The real numbers that ``rfft`` was of.

    Shape: ``complex[*, F] -> [*, n]``
    Without ``n`` there are ``2 (F - 1)``; say it where the number was odd.
    """

    name = "irfft"
    gives = DType.FLOAT
    least = 2
    example = "y = irfft(x)"
    example_inputs = {"x": "complex[N, 5]"}
    kept = ()

    def length(self, size: Dim, a: TransformAttrs) -> Dim:
        return 2 * (size - 1) if a.n is None else a.n
