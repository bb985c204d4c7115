"""A tensor of ones."""

from __future__ import annotations

from typing import final

from fanin.ops.creation._shaped import Shaped


@final
class Ones(Shaped):
    """Ones of a shape, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "ones"
    example = "y = ones(2, 3)"
