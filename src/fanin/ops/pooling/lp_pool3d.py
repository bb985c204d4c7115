"""p-norm over windows of three spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._norm import LpPool


@final
class LpPool3d(LpPool):
    """``(sum of x^p)^(1/p)`` of every window, with p = ``norm_type``.

    Shape: ``[N, C, D, H, W] -> [N, C, D', H', W']``, each ``L' = (L - kernel) // stride + 1``, rounded up with
    ``ceil_mode``; the batch axis may be missing. A stride left out is the kernel.
    """

    name = "lp_pool3d"
    module = "LPPool3d"
    spatial = 3
    example = "y = x -> lp_pool3d(2, 2)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
