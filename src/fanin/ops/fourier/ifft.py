"""The inverse of the discrete Fourier transform along an axis."""

from __future__ import annotations

from typing import final

from fanin.ops.fourier._transform import Transform


@final
class Ifft(Transform):
    """The inverse of the discrete Fourier transform along an axis.

    Shape: ``complex[*, T] -> complex[*, n]``
    ``n`` and ``norm`` as in ``fft``.
    """

    name = "ifft"
    example = "y = ifft(x)"
    example_inputs = {"x": "complex[N, 8]"}
    kept = ()
