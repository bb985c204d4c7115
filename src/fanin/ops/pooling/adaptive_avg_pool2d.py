"""Pooling of two spatial axes to a given size by the mean."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._adaptive import AdaptivePool


@final
class AdaptiveAvgPool2d(AdaptivePool):
    """The mean of each of so many windows as are asked for, spread evenly; ``none`` keeps an axis as it is.

    Shape: ``[N, C, H, W] -> [N, C, *output_size]``; the batch axis may be missing
    Source: He et al. 2014, "Spatial Pyramid Pooling", section 2.2.
    """

    name = "adaptive_avg_pool2d"
    module = "AdaptiveAvgPool2d"
    spatial = 2
    example = "y = x -> adaptive_avg_pool2d(2)"
    example_inputs = {"x": "[N, 3, 16, 16]"}
