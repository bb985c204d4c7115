"""Softmin."""

from __future__ import annotations

from typing import final

from fanin.ops.activation._softmax import AlongAxis


@final
class Softmin(AlongAxis):
    """``exp(-x) / sum(exp(-x))`` along an axis.

    Shape: ``[*S] -> [*S]``
    Source: Bridle 1990.
    """

    name = "softmin"
    module = "Softmin"
    example = "y = x -> softmin(axis=-1)"
    kept = ("result",)
