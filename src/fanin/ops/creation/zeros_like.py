"""Zeros in the shape of another tensor."""

from __future__ import annotations

from typing import final

from fanin.ops.creation._shaped import Alike


@final
class ZerosLike(Alike):
    """Zeros of the shape and kind of x.

    Shape: ``[*S] -> [*S]``
    """

    name = "zeros_like"
    example = "y = zeros_like(x)"
