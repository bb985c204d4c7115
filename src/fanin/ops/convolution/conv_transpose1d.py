"""Transposed convolution over one spatial axis."""

from __future__ import annotations

from typing import final

from fanin.ops.convolution._transposed import Transposed, TransposedFunction


@final
class ConvTranspose1d(Transposed):
    """The gradient of a convolution as a layer of its own: every place is spread over a window of the output.

    Shape: ``[N, in, L] -> [N, out, L']``, each
    ``L' = (L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``; the batch axis may be missing
    Params: ``weight [in, out / groups, k]``, ``bias [out]``
    Signal: ``E[y²] = in / groups · kernel / stride · Var(W) · E[x²]`` (kernel and stride: products over the axes), on
    the average over places and away from the edge, for independent zero-mean weights and zero bias.
    Source: Zeiler et al. 2010, "Deconvolutional Networks"; Dumoulin and Visin 2016, section 4.
    """

    name = "ConvTranspose1d"
    module = "ConvTranspose1d"
    spatial = 1
    example = "y = x -> ConvTranspose1d(8, 2, stride=2)"
    example_inputs = {"x": "[N, 3, 16]"}


@final
class ConvTranspose1dFunction(TransposedFunction):
    """Transposed convolution over one spatial axis with a kernel that is a tensor.

    Shape: ``x [N, in, L], weight [in, out / groups, k], bias [out]? -> [N, out, L']``
    """

    name = "conv_transpose1d"
    spatial = 1
    example = "y = conv_transpose1d(x, w, stride=2)"
    example_inputs = {"x": "[N, 3, 16]", "w": "[3, 4, 2]"}
