"""Mean over windows of three spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._average import AvgPool


@final
class AvgPool3d(AvgPool):
    """The mean of every window, with the zeros of the padding unless ``count_include_pad`` is false.

    Shape: ``[N, C, D, H, W] -> [N, C, D', H', W']``, each ``L' = (L + 2 padding - kernel) // stride + 1``, rounded up
    with ``ceil_mode``; the batch axis may be missing. A stride left out is the kernel.
    Signal: the mean stays; ``Var[y] = Var[x] / window`` for independent numbers, away from the padding.
    """

    name = "avg_pool3d"
    module = "AvgPool3d"
    spatial = 3
    example = "y = x -> avg_pool3d(2)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
    kept = ("x",)
