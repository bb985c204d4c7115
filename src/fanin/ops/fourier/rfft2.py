"""The half of the Fourier transform of a real picture that says the other half."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import Dim
from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.fourier._transform import PlaneTransform


@final
class Rfft2(PlaneTransform):
    """The half of the Fourier transform of a real picture that says the other half.

    Shape: ``[*, H, W] -> complex[*, H, W // 2 + 1]``
    """

    name = "rfft2"
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = rfft2(x)"
    kept = ("x",)

    def width(self, size: Dim) -> Dim:
        return size // 2 + 1
