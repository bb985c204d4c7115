"""A tensor of zeros."""

from __future__ import annotations

from typing import final

from fanin.ops.creation._shaped import Shaped


@final
class Zeros(Shaped):
    """Zeros of a shape, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "zeros"
    example = "y = zeros(2, 3)"
