"""The discrete Fourier transform along an axis."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType
from fanin.ops.fourier._transform import Transform, TransformAttrs
from fanin.ops.keeping import Backprop, Kept


@final
class Fft(Transform):
    """The discrete Fourier transform along an axis.

    Shape: ``[*, T] -> complex[*, n]``
    ``n`` cuts the axis, or fills it up with zeros; ``norm`` is "backward", "ortho" or "forward".
    """

    name = "fft"
    example = "y = fft(x)"

    def saved(self, a: TransformAttrs, use: Backprop) -> Kept:
        return Kept((0,) if use.x.dtype is DType.FLOAT else ())
