"""What the maxima over windows have in common."""

from __future__ import annotations

from typing import Any

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Kernel, Padding
from fanin.ops.contract import OpAttrs
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.pooling._window import Window, WindowPool
from fanin.ops.ports import X
from fanin.record import record


@record
class MaxPoolAttrs(OpAttrs):
    kernel_size: Kernel
    stride: Kernel | None = None
    padding: Padding = 0
    dilation: Kernel = 1
    ceil_mode: bool = False


class MaxPool(WindowPool[MaxPoolAttrs]):
    """The largest number of every window."""

    attrs = MaxPoolAttrs
    inputs = X  # ints pool on some devices only

    def window(self, a: MaxPoolAttrs) -> Window:
        return Window(self.spatial, a.kernel_size, a.stride, a.padding, a.dilation, a.ceil_mode)

    def saved(self, a: MaxPoolAttrs, use: Backprop) -> Kept:
        return Kept((0,), more=(use.results[0].with_dtype(DType.INT),))  # the places of the maxima

    def signal(self, a: MaxPoolAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.convolution import LargestWindow

        w = self.window(a)
        return LargestWindow(list(zip(w.kernel, w.stride, w.padding, w.dilation, strict=True)))
