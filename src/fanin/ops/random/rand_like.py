"""Uniform numbers in the shape of another tensor."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.contract import FLOATS, Port
from fanin.ops.creation._shaped import Alike


@final
class RandLike(Alike):
    """Independent numbers, uniform on [0, 1), in the shape of x.

    Shape: ``[*S] -> [*S]``
    Signal: mean 1/2, second moment 1/3.
    """

    name = "rand_like"
    inputs = (Port("x", FLOATS),)
    example = "y = rand_like(x)"
    keeps = False

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.5, 1 / 12)
