"""The remainder towards zero."""

from __future__ import annotations

import math
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, NoAttrs, Port
from fanin.ops.elementwise.binary import WholeDivision
from fanin.ops.keeping import Backprop, Kept


@final
class Fmod(WholeDivision):
    """The remainder of ``x / y``, with the sign of x, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "fmod"
    title = "fmod"
    inputs = (Port("x", ANY), Port("y", ANY, number=True))
    example = "z = fmod(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}

    def number(self, x: Any, y: Any) -> Any:
        return math.fmod(x, y) if isinstance(x, float) or isinstance(y, float) else int(math.fmod(x, y))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(call("torch.fmod", Input(0), Input(1)), *types)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.asked(1) else ())
