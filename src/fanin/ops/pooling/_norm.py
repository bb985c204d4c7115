"""What the p-norms over windows have in common."""

from __future__ import annotations

from fanin.ops.attributes import Kernel, PositiveFloat
from fanin.ops.contract import OpAttrs
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.pooling._window import Window, WindowPool
from fanin.ops.ports import X
from fanin.record import record


@record
class LpPoolAttrs(OpAttrs):
    norm_type: PositiveFloat
    kernel_size: Kernel
    stride: Kernel | None = None
    ceil_mode: bool = False


class LpPool(WindowPool[LpPoolAttrs]):
    """The p-norm of every window."""

    attrs = LpPoolAttrs
    inputs = X
    places = 2

    def window(self, a: LpPoolAttrs) -> Window:
        return Window(self.spatial, a.kernel_size, a.stride, 0, 1, a.ceil_mode, whole=self.spatial == 3)

    def saved(self, a: LpPoolAttrs, use: Backprop) -> Kept:
        y = use.results[0]
        return Kept((0,), more=(use.x, y, y, y, y))  # the powers, and the steps of the root
