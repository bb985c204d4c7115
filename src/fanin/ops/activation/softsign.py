"""Softsign."""

from __future__ import annotations

from typing import final

from fanin.ops.activation._floats import NUMBER_X, FloatActivation


@final
class Softsign(FloatActivation):
    """``x / (1 + |x|)`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    Source: Bergstra et al. 2009; Glorot and Bengio 2010, section 3.
    """

    name = "softsign"
    module = "Softsign"
    inputs = NUMBER_X
    function = "F.softsign"
    example = "y = x -> softsign"
