"""Mean over windows of two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._average import AvgPool


@final
class AvgPool2d(AvgPool):
    """The mean of every window, with the zeros of the padding unless ``count_include_pad`` is false.

    Shape: ``[N, C, H, W] -> [N, C, H', W']``, each ``L' = (L + 2 padding - kernel) // stride + 1``, rounded up with
    ``ceil_mode``; the batch axis may be missing. A stride left out is the kernel.
    Signal: the mean stays; ``Var[y] = Var[x] / window`` for independent numbers, away from the padding.
    """

    name = "avg_pool2d"
    module = "AvgPool2d"
    spatial = 2
    example = "y = x -> avg_pool2d(2)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
    kept = ("x",)
