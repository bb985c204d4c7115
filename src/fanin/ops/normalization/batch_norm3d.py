"""Batch normalisation of channels with three spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.normalization._running import BatchNorm


@final
class BatchNorm3d(BatchNorm):
    """Brings each channel to mean 0 and variance 1 over the batch and its places, then scales and shifts it.

    In training with the statistics of the batch, which the running ones follow (``momentum``; with ``none`` they are
    the mean of all so far); otherwise with the running ones.

    Shape: ``[N, C, D, H, W]``, kept
    Params: ``weight [C]``, ``bias [C]``; buffers ``running_mean [C]``, ``running_var [C]``, ``num_batches_tracked []``
    Signal: ``E[y] = bias``, ``Var[y] = weight² Var[x] / (Var[x] + eps)`` in training.
    Source: Ioffe and Szegedy 2015, "Batch Normalization", algorithm 1.
    """

    name = "BatchNorm3d"
    module = "BatchNorm3d"
    ranks = (5,)
    layout = "[N, C, D, H, W]"
    example = "y = x -> BatchNorm3d()"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}
