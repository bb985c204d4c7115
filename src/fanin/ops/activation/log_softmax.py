"""The logarithm of softmax."""

from __future__ import annotations

from typing import final

from fanin.ops.activation._softmax import AlongAxis


@final
class LogSoftmax(AlongAxis):
    """``x - log(sum(exp(x)))`` along an axis, computed without overflow.

    Shape: ``[*S] -> [*S]``
    Source: Bridle 1990.
    """

    name = "log_softmax"
    module = "LogSoftmax"
    example = "y = x -> log_softmax(axis=-1)"
    kept = ("result",)
