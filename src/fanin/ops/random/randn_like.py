"""Normal numbers in the shape of another tensor."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.contract import FLOATS, Port
from fanin.ops.creation._shaped import Alike


@final
class RandnLike(Alike):
    """Independent numbers of mean 0 and variance 1, normal, in the shape of x.

    Shape: ``[*S] -> [*S]``
    Signal: mean 0, second moment 1.
    """

    name = "randn_like"
    inputs = (Port("x", FLOATS),)
    example = "y = randn_like(x)"
    keeps = False

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.0, 1.0)
