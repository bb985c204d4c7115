"""The lower triangle."""

from __future__ import annotations

from typing import final

from fanin.ops.shape._triangle import Triangle


@final
class Tril(Triangle):
    """What stands on and below a diagonal of the last two axes, and zeros elsewhere.

    Shape: ``[*, A, B] -> [*, A, B]``
    ``diagonal`` counts from the main one, to the right.
    """

    name = "tril"
    lower = True
    example = "y = tril(x)"
    kept = ()
