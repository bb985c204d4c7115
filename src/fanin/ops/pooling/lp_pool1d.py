"""p-norm over windows of one spatial axis."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._norm import LpPool


@final
class LpPool1d(LpPool):
    """``(sum of x^p)^(1/p)`` of every window, with p = ``norm_type``.

    Shape: ``[N, C, L] -> [N, C, L']``, each ``L' = (L - kernel) // stride + 1``, rounded up with ``ceil_mode``; the
    batch axis may be missing. A stride left out is the kernel.
    """

    name = "lp_pool1d"
    module = "LPPool1d"
    spatial = 1
    example = "y = x -> lp_pool1d(2, 2)"
    example_inputs = {"x": "[N, 3, 16]"}
