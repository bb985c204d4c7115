"""Dropout of whole channels of a sequence."""

from __future__ import annotations

from typing import final

from fanin.ops.regularisation._dropout import AnyDropout


@final
class Dropout1d(AnyDropout):
    """Puts whole channels to 0 with probability p and divides the others by 1 - p, in training; nothing otherwise.

    Shape: ``[*S] -> [*S]``; made for ``[N, C, L]`` or ``[C, L]``
    Signal: the mean stays; ``E[y²] = E[x²] / (1 - p)`` in training.
    Source: Tompson et al. 2014, "Efficient Object Localization", section 3.2.
    """

    name = "dropout1d"
    module = "Dropout1d"
    ranks = (2, 3)
    example = "y = x -> dropout1d(0.1)"
    example_inputs = {"x": "[N, 3, 16]"}
