"""Pooling of one spatial axis to a given size by the mean."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._adaptive import AdaptivePool


@final
class AdaptiveAvgPool1d(AdaptivePool):
    """The mean of each of so many windows as are asked for, spread evenly.

    Shape: ``[N, C, L] -> [N, C, *output_size]``; the batch axis may be missing
    Source: He et al. 2014, "Spatial Pyramid Pooling", section 2.2.
    """

    name = "adaptive_avg_pool1d"
    module = "AdaptiveAvgPool1d"
    spatial = 1
    example = "y = x -> adaptive_avg_pool1d(2)"
    example_inputs = {"x": "[N, 3, 16]"}
