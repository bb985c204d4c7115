"""Convolution over two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.convolution._convolution import Convolution, ConvolutionFunction


@final
class Conv2d(Convolution):
    """A learned filter for each channel that goes out, moved over two spatial axes.

    Shape: ``[N, in, H, W] -> [N, out, H', W']``, each ``L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride +
    1``; the batch axis may be missing
    Params: ``weight [out, in / groups, k, k]``, ``bias [out]``
    Signal: ``E[y²] = fan_in · Var(W) · E[x²]`` away from the padding, for independent zero-mean weights and zero bias,
    with ``fan_in`` = in / groups times the size of the kernel.
    Source: LeCun et al. 1998, "Gradient-Based Learning", section II; He et al. 2015, section 2.2 (signal).
    """

    name = "Conv2d"
    module = "Conv2d"
    spatial = 2
    example = "y = x -> Conv2d(8, 3, padding=1)"
    example_inputs = {"x": "[N, 3, 16, 16]"}


@final
class Conv2dFunction(ConvolutionFunction):
    """Convolution over two spatial axes with a kernel that is a tensor.

    Shape: ``x [N, in, H, W], weight [out, in / groups, k, k], bias [out]? -> [N, out, H', W']``
    """

    name = "conv2d"
    spatial = 2
    example = "y = conv2d(x, w, padding=1)"
    example_inputs = {"x": "[N, 3, 16, 16]", "w": "[4, 3, 3, 3]"}
