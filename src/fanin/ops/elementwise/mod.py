"""The remainder."""

from __future__ import annotations

from typing import final

from fanin.ops.code import Infix, Input
from fanin.ops.elementwise.binary import RemainderOfY


@final
class Mod(RemainderOfY):
    """The remainder of ``x / y``, with the sign of y, broadcast.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "mod"
    title = "%"
    example = "z = x % y"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    spelled = Infix("%", Input(0), Input(1))
