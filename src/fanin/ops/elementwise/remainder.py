"""The remainder."""

from __future__ import annotations

from typing import final

from fanin.ops.code import Input, call
from fanin.ops.elementwise.binary import RemainderOfY


@final
class Remainder(RemainderOfY):
    """The remainder of ``x / y``, with the sign of y, broadcast; ``x % y``.

    Shape: ``[*S], [*S] -> [*S]``
    """

    name = "remainder"
    title = "remainder"
    example = "z = remainder(x, y)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    spelled = call("torch.remainder", Input(0), Input(1))
