"""Dropout of whole channels of a volume."""

from __future__ import annotations

from typing import final

from fanin.ops.regularisation._dropout import AnyDropout


@final
class Dropout3d(AnyDropout):
    """Puts whole channels to 0 with probability p and divides the others by 1 - p, in training; nothing otherwise.

    Shape: ``[*S] -> [*S]``; made for ``[N, C, D, H, W]`` or ``[C, D, H, W]``
    Signal: the mean stays; ``E[y²] = E[x²] / (1 - p)`` in training.
    Source: Tompson et al. 2014, "Efficient Object Localization", section 3.2.
    """

    name = "dropout3d"
    module = "Dropout3d"
    least = 1
    meant = (4, 5)
    example = "y = x -> dropout3d(0.1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
