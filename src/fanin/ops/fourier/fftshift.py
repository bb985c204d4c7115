"""The frequency 0 brought from the first place to the middle."""

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
class FftshiftAttrs(OpAttrs):
    axis: Axis | None = None


@final
class Fftshift(Op[FftshiftAttrs]):
    """The frequency 0 brought from the first place to the middle.

    Shape: ``[*S] -> [*S]``; along one axis, or along all
    """

    name = "fftshift"
    attrs = FftshiftAttrs
    inputs = (Port("x", ANY),)
    example = "y = fftshift(x, axis=1)"
    kept = ()

    def infer(self, a: FftshiftAttrs, *types: TensorType) -> Result:
        normal_axes(a.axis, types[0].rank)
        return types[0]

    def torch(self, a: FftshiftAttrs, *types: TensorType) -> Code:
        return call("torch.fft.fftshift", Input(0), dim=OMIT if a.axis is None else a.axis)

    def sees(self, a: FftshiftAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        for i in normal_axes(a.axis, use.x.rank):
            box[i] = Span((), 0, use.x.shape[i] - 1)
        return Sees(((tuple(box),),), own=tuple(range(use.x.rank)))
