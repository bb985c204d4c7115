"""An image from its patches."""

from __future__ import annotations

from math import prod
from typing import final

from fanin.ir.dims import Dim, floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.types import TensorType
from fanin.ops.attributes import Kernel, Padding, PositiveInt, spread
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_at_least, need_equal
from fanin.ops.spelling import spell_fields
from fanin.ops.windows import slide
from fanin.record import record


@record
class FoldAttrs(OpAttrs):
    output_size: PositiveInt | tuple[PositiveInt, ...]
    kernel_size: Kernel
    dilation: Kernel = 1
    padding: Padding = 0
    stride: Kernel = 1


@final
class Fold(Op[FoldAttrs]):
    """An image from the columns of ``unfold``, added up where windows overlap.

    Shape: ``[N, C k², L] -> [N, C, *output_size]`` with L windows; the batch axis may be missing
    """

    name = "fold"
    module = "Fold"
    attrs = FoldAttrs
    inputs = (Port("x"),)
    example = "y = x -> fold(4, 2, stride=2)"
    example_inputs = {"x": "[N, 12, 4]"}
    kept = ()

    def infer(self, a: FoldAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank not in (2, 3):
            raise Complaint(f"`fold` takes [N, C k², L] or [C k², L], not {x}", "x")
        kernel, dilation = spread(a.kernel_size, 2, "kernel_size"), spread(a.dilation, 2, "dilation")
        padding, stride = spread(a.padding, 2, "padding"), spread(a.stride, 2, "stride")
        sizes = spread(a.output_size, 2, "output_size")
        windows: Dim = 1
        needs: tuple[Need, ...] = ()
        for i in range(2):
            along = slide(sizes[i], kernel[i], stride[i], padding[i], dilation[i])
            windows = windows * along
            message = f"no window of {kernel[i]} fits into an axis of {sizes[i]}"
            needs += need_at_least(along, 1, message)
        area, rows = prod(kernel), x.shape[-2]
        left = mod(rows, area)
        if left != 0:
            message = f"{rows} rows do not divide into windows of {area}"
            needs += (Need(Compare("==", left, 0), message, (("x", -2),), "indivisible"),)
        message = "an image of this size has {right} windows, and there are {left} columns"
        needs += need_equal(x.shape[-1], windows, message, ("x", -1))
        return Inferred((x.with_shape(*x.shape[:-2], floordiv(rows, area), *sizes),), needs)

    def construct(self, a: FoldAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 2)
        return Call("nn.Fold", args, keywords)

    def torch(self, a: FoldAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 2)
        return Call("F.fold", (Input(0), *args), keywords)
