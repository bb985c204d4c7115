"""The half of the Fourier transform of real numbers that says the other half."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import Dim
from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.fourier._transform import Transform, TransformAttrs


@final
class Rfft(Transform):
    """The half of the Fourier transform of real numbers that says the other half.

    Shape: ``[*, T] -> complex[*, n // 2 + 1]``
    ``n`` and ``norm`` as in ``fft``.
    """

    name = "rfft"
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = rfft(x)"
    kept = ("x",)

    def length(self, size: Dim, a: TransformAttrs) -> Dim:
        return (size if a.n is None else a.n) // 2 + 1
