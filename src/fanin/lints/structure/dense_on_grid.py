"""STR609: a dense layer on a large grid that was flattened.

It has a weight for every position, and none of them knows that positions are near each other. With 256 positions or
more (16 x 16) a convolution and a mean over positions have a hundredth of the parameters; below that, as behind the
last pooling of LeNet or VGG, it is what networks do. One or two maps, as in the heads of AlphaZero, are let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import STR609
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.flow import ACTIVATIONS, DROPOUTS, Flow

_POSITIONS, _CHANNELS = 256, 3


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named("Linear"):
        before = flow.maker(node.inputs[0], ACTIVATIONS | DROPOUTS)
        if before is None or before.op.name not in ("flatten", "Flatten", "reshape"):
            continue
        grid = before.inputs[0]
        if grid is None or grid.type.rank != 4:
            continue
        _, channels, height, width = grid.type.shape
        if not (isinstance(channels, int) and isinstance(height, int) and isinstance(width, int)):
            continue
        positions = height * width
        if min(height, width) < 2 or positions < _POSITIONS or channels < _CHANNELS:
            continue
        out = node.outputs[0].type.shape[-1]
        assert isinstance(out, int)
        dense, small = channels * positions * out, channels * 9 * out
        yield Diagnostic(
            STR609,
            f"a dense layer on a grid of {height} x {width}: {dense:,} weights, where a convolution of 3 x 3 has "
            f"{small:,}",
            node.span,
            "a weight for every position",
            (Label(before.span, f"{grid.type} loses its grid here"),),
            helps=("convolve and take `mean(axis=(2, 3))`, or pool the grid before",),
        )
