"""Dropout."""

from __future__ import annotations

from typing import final

from fanin.ops.regularisation._dropout import AnyDropout


@final
class Dropout(AnyDropout):
    """Puts each number to 0 with probability p and divides the others by 1 - p, in training; nothing otherwise.

    Shape: ``[*S] -> [*S]``
    Signal: the mean stays; ``E[y²] = E[x²] / (1 - p)`` in training.
    Source: Srivastava et al. 2014, "Dropout", section 4.
    """

    name = "dropout"
    module = "Dropout"
    example = "y = x -> dropout(0.1)"
