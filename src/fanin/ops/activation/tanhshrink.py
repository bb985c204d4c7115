"""What the hyperbolic tangent takes off."""

from __future__ import annotations

from typing import final

from fanin.ops.activation._floats import NUMBER_X, FloatActivation


@final
class Tanhshrink(FloatActivation):
    """``x - tanh(x)`` of every number; ints become floats.

    Shape: ``[*S] -> [*S]``
    """

    name = "tanhshrink"
    module = "Tanhshrink"
    inputs = NUMBER_X
    function = "F.tanhshrink"
    example = "y = x -> tanhshrink"
