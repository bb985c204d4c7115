"""Maximum over windows of one spatial axis."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._max import MaxPool


@final
class MaxPool1d(MaxPool):
    """The largest number of every window; what lies in the padding never counts.

    Shape: ``[N, C, L] -> [N, C, L']``, each ``L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1``, rounded
    up with ``ceil_mode``; the batch axis may be missing. A stride left out is the kernel.
    """

    name = "max_pool1d"
    module = "MaxPool1d"
    spatial = 1
    example = "y = x -> max_pool1d(2)"
    example_inputs = {"x": "[N, 3, 16]"}
