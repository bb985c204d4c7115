"""Numbers of the standard normal law."""

from __future__ import annotations

from typing import final

from fanin.ops.creation._shaped import Shaped


@final
class Randn(Shaped):
    """Independent numbers of mean 0 and variance 1, normal.

    Shape: ``-> [*shape]``
    Signal: mean 0, second moment 1.
    """

    name = "randn"
    example = "y = randn(2, 3)"
    keeps = False
