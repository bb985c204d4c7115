"""What the means over windows have in common."""

from __future__ import annotations

from typing import Any

from fanin.ir.types import TensorType
from fanin.ops.attributes import Kernel, Padding
from fanin.ops.contract import OpAttrs
from fanin.ops.pooling._window import Window, WindowPool
from fanin.ops.ports import X
from fanin.record import record


@record
class AvgPoolAttrs(OpAttrs):
    kernel_size: Kernel
    stride: Kernel | None = None
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool(WindowPool[AvgPoolAttrs]):
    """The mean of every window."""

    attrs = AvgPoolAttrs
    inputs = X

    def window(self, a: AvgPoolAttrs) -> Window:
        return Window(self.spatial, a.kernel_size, a.stride, a.padding, 1, a.ceil_mode, whole=self.spatial == 3)

    def signal(self, a: AvgPoolAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.convolution import MeanWindow

        w = self.window(a)
        return MeanWindow(list(zip(w.kernel, w.stride, w.padding, w.dilation, strict=True)))
