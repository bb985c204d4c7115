"""Maximum over windows of two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._max import MaxPool


@final
class MaxPool2d(MaxPool):
    """The largest number of every window; what lies in the padding never counts.

    Shape: ``[N, C, H, W] -> [N, C, H', W']``, each ``L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1``,
    rounded up with ``ceil_mode``; the batch axis may be missing. A stride left out is the kernel.
    """

    name = "max_pool2d"
    module = "MaxPool2d"
    spatial = 2
    example = "y = x -> max_pool2d(2)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
