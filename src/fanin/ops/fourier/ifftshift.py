"""The frequency 0 brought back from the middle to the first place."""

from __future__ import annotations

from typing import final

from fanin.ir.places import Span
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.axes import normal_axes
from fanin.ops.code import OMIT, Code, Input, call
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, same
from fanin.record import record


@record
class IfftshiftAttrs(OpAttrs):
    axis: Axis | None = None


@final
class Ifftshift(Op[IfftshiftAttrs]):
    """The frequency 0 brought back from the middle to the first place.

    Shape: ``[*S] -> [*S]``; along one axis, or along all
    """

    name = "ifftshift"
    attrs = IfftshiftAttrs
    inputs = (Port("x", ANY),)
    example = "y = ifftshift(x, axis=1)"
    kept = ()

    def infer(self, a: IfftshiftAttrs, *types: TensorType) -> Result:
        normal_axes(a.axis, types[0].rank)
        return types[0]

    def torch(self, a: IfftshiftAttrs, *types: TensorType) -> Code:
        return call("torch.fft.ifftshift", Input(0), dim=OMIT if a.axis is None else a.axis)

    def sees(self, a: IfftshiftAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        for i in normal_axes(a.axis, use.x.rank):
            box[i] = Span((), 0, use.x.shape[i] - 1)
        return Sees(((tuple(box),),), own=tuple(range(use.x.rank)))
