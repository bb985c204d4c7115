"""Dropout of whole channels of an image."""

from __future__ import annotations

from typing import final

from fanin.ops.regularisation._dropout import AnyDropout


@final
class Dropout2d(AnyDropout):
    """Puts whole channels to 0 with probability p and divides the others by 1 - p, in training; nothing otherwise.

    Shape: ``[*S] -> [*S]``; made for ``[N, C, H, W]``; of three axes the first two are batch and channels
    Signal: the mean stays; ``E[y²] = E[x²] / (1 - p)`` in training.
    Source: Tompson et al. 2014, "Efficient Object Localization", section 3.2.
    """

    name = "dropout2d"
    module = "Dropout2d"
    least = 2
    meant = (4,)
    example = "y = x -> dropout2d(0.1)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
