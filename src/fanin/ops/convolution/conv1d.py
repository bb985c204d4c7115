"""Convolution over one spatial axis."""

from __future__ import annotations

from typing import final

from fanin.ops.convolution._convolution import Convolution, ConvolutionFunction


@final
class Conv1d(Convolution):
    """A learned filter for each channel that goes out, moved over one spatial axis.

    Shape: ``[N, in, L] -> [N, out, L']``, each ``L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1``;
    the batch axis may be missing
    Params: ``weight [out, in / groups, k]``, ``bias [out]``
    Signal: ``E[y²] = fan_in · Var(W) · E[x²]`` away from the padding, for independent zero-mean weights and zero bias,
    with ``fan_in`` = in / groups times the size of the kernel.
    Source: LeCun et al. 1998, "Gradient-Based Learning", section II; He et al. 2015, section 2.2 (signal).
    """

    name = "Conv1d"
    module = "Conv1d"
    spatial = 1
    example = "y = x -> Conv1d(8, 3, padding=1)"
    example_inputs = {"x": "[N, 3, 16]"}


@final
class Conv1dFunction(ConvolutionFunction):
    """Convolution over one spatial axis with a kernel that is a tensor.

    Shape: ``x [N, in, L], weight [out, in / groups, k], bias [out]? -> [N, out, L']``
    """

    name = "conv1d"
    spatial = 1
    example = "y = conv1d(x, w, padding=1)"
    example_inputs = {"x": "[N, 3, 16]", "w": "[4, 3, 3]"}
