"""The inverse of ``fft2``."""

from __future__ import annotations

from typing import final

from fanin.ops.fourier._transform import PlaneTransform


@final
class Ifft2(PlaneTransform):
    """The inverse of ``fft2``.

    Shape: ``complex[*, H, W] -> complex[*, H, W]``
    """

    name = "ifft2"
    example = "y = ifft2(x)"
    example_inputs = {"x": "complex[N, 3, 8, 8]"}
    kept = ()
