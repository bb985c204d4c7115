"""Convolution over three spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.convolution._convolution import Convolution, ConvolutionFunction


@final
class Conv3d(Convolution):
    """A learned filter for each channel that goes out, moved over three spatial axes.

    Shape: ``[N, in, D, H, W] -> [N, out, D', H', W']``, each ``L' = (L + 2 padding - dilation (kernel - 1) - 1) //
    stride + 1``; the batch axis may be missing
    Params: ``weight [out, in / groups, k, k, k]``, ``bias [out]``
    Signal: ``E[y²] = fan_in · Var(W) · E[x²]`` away from the padding, for independent zero-mean weights and zero bias,
    with ``fan_in`` = in / groups times the size of the kernel.
    Source: LeCun et al. 1998, "Gradient-Based Learning", section II; He et al. 2015, section 2.2 (signal).
    """

    name = "Conv3d"
    module = "Conv3d"
    spatial = 3
    example = "y = x -> Conv3d(8, 3, padding=1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]"}


@final
class Conv3dFunction(ConvolutionFunction):
    """Convolution over three spatial axes with a kernel that is a tensor.

    Shape: ``x [N, in, D, H, W], weight [out, in / groups, k, k, k], bias [out]? -> [N, out, D', H', W']``
    """

    name = "conv3d"
    spatial = 3
    example = "y = conv3d(x, w, padding=1)"
    example_inputs = {"x": "[N, 3, 8, 8, 8]", "w": "[4, 3, 3, 3, 3]"}
