"""Instance normalisation over two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.normalization._running import InstanceNorm


@final
class InstanceNorm2d(InstanceNorm):
    """Brings each channel of each sample to mean 0 and variance 1 over its places.

    Shape: ``[N, C, H, W] -> [N, C, H, W]``; the batch axis may be missing
    Params: none; with ``affine`` a ``weight [C]`` and a ``bias [C]``, with ``track_running_stats`` the buffers of
    batch normalisation
    Signal: ``E[y] = 0``, ``Var[y] = Var[x] / (Var[x] + eps)``.
    Source: Ulyanov et al. 2016, "Instance Normalization".
    """

    name = "InstanceNorm2d"
    module = "InstanceNorm2d"
    spatial = 2
    example = "y = x -> InstanceNorm2d()"
    example_inputs = {"x": "[N, 3, 16, 16]"}
