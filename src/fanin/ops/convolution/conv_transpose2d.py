"""Transposed convolution over two spatial axes."""

from __future__ import annotations

from typing import final

from fanin.ops.convolution._transposed import Transposed, TransposedFunction


@final
class ConvTranspose2d(Transposed):
    """The gradient of a convolution as a layer of its own: every place is spread over a window of the output.

    Shape: ``[N, in, H, W] -> [N, out, H', W']``, each
    ``L' = (L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``; the batch axis may be missing
    Params: ``weight [in, out / groups, k, k]``, ``bias [out]``
    Signal: ``E[y²] = in / groups · kernel / stride · Var(W) · E[x²]`` (kernel and stride: products over the axes), on
    the average over places and away from the edge, for independent zero-mean weights and zero bias.
    Source: Zeiler et al. 2010, "Deconvolutional Networks"; Dumoulin and Visin 2016, section 4.
    """

    name = "ConvTranspose2d"
    module = "ConvTranspose2d"
    spatial = 2
    example = "y = x -> ConvTranspose2d(8, 2, stride=2)"
    example_inputs = {"x": "[N, 3, 8, 8]"}


@final
class ConvTranspose2dFunction(TransposedFunction):
    """Transposed convolution over two spatial axes with a kernel that is a tensor.

    Shape: ``x [N, in, H, W], weight [in, out / groups, k, k], bias [out]? -> [N, out, H', W']``
    """

    name = "conv_transpose2d"
    spatial = 2
    example = "y = conv_transpose2d(x, w, stride=2)"
    example_inputs = {"x": "[N, 3, 8, 8]", "w": "[3, 4, 2, 2]"}
