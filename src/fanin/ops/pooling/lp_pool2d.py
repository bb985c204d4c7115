"""p-norm over windows of two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._norm import LpPool


@final
class LpPool2d(LpPool):
    """``(sum of x^p)^(1/p)`` of every window, with p = ``norm_type``.

    Shape: ``[N, C, H, W] -> [N, C, H', W']``, each ``L' = (L - kernel) // stride + 1``, rounded up with ``ceil_mode``;
    the batch axis may be missing. A stride left out is the kernel.
    """

    name = "lp_pool2d"
    module = "LPPool2d"
    spatial = 2
    example = "y = x -> lp_pool2d(2, 2)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
