"""Softmax."""

from __future__ import annotations

from typing import final

from fanin.ops.activation._softmax import AlongAxis


@final
class Softmax(AlongAxis):
    """``exp(x) / sum(exp(x))`` along an axis: positive numbers that add up to 1.

    Shape: ``[*S] -> [*S]``
    Source: Bridle 1990.
    """

    name = "softmax"
    module = "Softmax"
    example = "y = x -> softmax(axis=-1)"
    kept = ("result",)
