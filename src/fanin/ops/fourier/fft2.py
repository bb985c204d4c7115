"""The Fourier transform over the last two axes."""

from __future__ import annotations

from typing import final

from fanin.ops.fourier._transform import PlaneTransform


@final
class Fft2(PlaneTransform):
    """The Fourier transform over the last two axes.

    Shape: ``[*, H, W] -> complex[*, H, W]``
    """

    name = "fft2"
    example = "y = fft2(x)"
    kept = ()
