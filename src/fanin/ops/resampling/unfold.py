"""Patches of an image as columns."""

from __future__ import annotations

from math import prod
from typing import cast, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.attributes import Kernel, Padding, spread
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.spelling import spell_fields
from fanin.ops.windows import channels, check_spatial, need_room, slide
from fanin.record import record


@record
class UnfoldAttrs(OpAttrs):
    kernel_size: Kernel
    dilation: Kernel = 1
    padding: Padding = 0
    stride: Kernel = 1


@final
class Unfold(Op[UnfoldAttrs]):
    """Every window of an image as a column: the channels of its places one after the other.

    Shape: ``[N, C, H, W] -> [N, C k², L]`` with L windows; the batch axis may be missing
    """

    name = "unfold"
    module = "Unfold"
    attrs = UnfoldAttrs
    inputs = (Port("x"),)
    example = "y = x -> unfold(3, padding=1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()

    def infer(self, a: UnfoldAttrs, *types: TensorType) -> Result:
        (x,) = types
        check_spatial(self.name, x, 2)
        kernel, dilation = spread(a.kernel_size, 2, "kernel_size"), spread(a.dilation, 2, "dilation")
        padding, stride = spread(a.padding, 2, "padding"), spread(a.stride, 2, "stride")
        count: Dim = 1
        needs: tuple[Need, ...] = ()
        for i in range(2):
            size = x.shape[i - 2]
            count = count * slide(size, kernel[i], stride[i], padding[i], dilation[i])
            needs += need_room(size, i - 2, kernel[i], padding[i], dilation[i])
        return Inferred((x.with_shape(*x.shape[:-3], channels(x, 2) * cast(int, prod(kernel)), count),), needs)

    def construct(self, a: UnfoldAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 1)
        return Call("nn.Unfold", args, keywords)

    def torch(self, a: UnfoldAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 1)
        return Call("F.unfold", (Input(0), *args), keywords)
