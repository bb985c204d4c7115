"""Pooling of one spatial axis to a given size by the maximum."""

from __future__ import annotations

from typing import final

from fanin.ops.pooling._adaptive import AdaptivePool


@final
class AdaptiveMaxPool1d(AdaptivePool):
    """The maximum of each of so many windows as are asked for, spread evenly.

    Shape: ``[N, C, L] -> [N, C, *output_size]``; the batch axis may be missing
    Source: He et al. 2014, "Spatial Pyramid Pooling", section 2.2.
    """

    name = "adaptive_max_pool1d"
    module = "AdaptiveMaxPool1d"
    spatial = 1
    example = "y = x -> adaptive_max_pool1d(2)"
    example_inputs = {"x": "[N, 3, 16]"}
