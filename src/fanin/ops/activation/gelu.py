"""The Gaussian error linear unit."""

from __future__ import annotations

from typing import Literal, final

from fanin.ops.activation._activation import Activation
from fanin.ops.contract import OpAttrs
from fanin.record import record


@record
class GeluAttrs(OpAttrs):
    approximate: Literal["none", "tanh"] = "none"


@final
class Gelu(Activation[GeluAttrs]):
    """``x · Φ(x)``, with the distribution function Φ of a standard normal; ``approximate="tanh"`` is GPT-2's form.

    Shape: ``[*S] -> [*S]``
    Source: Hendrycks and Gimpel 2016.
    """

    name = "gelu"
    module = "GELU"
    attrs = GeluAttrs
    places = 0
    example = 'y = x -> gelu(approximate="tanh")'
