"""Ones in the shape of another tensor."""

from __future__ import annotations

from typing import final

from fanin.ops.creation._shaped import Alike


@final
class OnesLike(Alike):
    """Ones of the shape and kind of x.

    Shape: ``[*S] -> [*S]``
    """

    name = "ones_like"
    example = "y = ones_like(x)"
