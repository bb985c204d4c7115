"""The upper triangle."""

from __future__ import annotations

from typing import final

from fanin.ops.shape._triangle import Triangle


@final
class Triu(Triangle):
    """What stands on and above a diagonal of the last two axes, and zeros elsewhere.

    Shape: ``[*, A, B] -> [*, A, B]``
    ``diagonal`` counts from the main one, to the right.
    """

    name = "triu"
    lower = False
    example = "y = triu(x)"
    kept = ()
