"""What Fourier transforms have in common: an axis, or the last two, and a length that cuts or fills up with zeros."""

from __future__ import annotations

from typing import ClassVar, Literal

from fanin.ir.dims import Dim
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import OMIT, Code, Input, call, unless
from fanin.ops.contract import (
    FLOATS,
    Complaint,
    Inferred,
    Need,
    Op,
    OpAttrs,
    Port,
    Result,
    need_at_least,
    normal_axis,
)
from fanin.ops.sees import Sees, Use, mixing
from fanin.ops.sizes import at_least
from fanin.record import record

Scale = Literal["backward", "ortho", "forward"]


@record
class TransformAttrs(OpAttrs):
    n: PositiveInt | None = None
    axis: int = -1
    norm: Scale = "backward"


class Transform(Op[TransformAttrs]):
    """A transform along one axis, torch.fft's of the same name."""

    attrs = TransformAttrs
    inputs = (Port("x", FLOATS),)
    gives: ClassVar[DType] = DType.COMPLEX
    least: ClassVar[int] = 1
    """How many numbers it takes at least."""

    def length(self, size: Dim, a: TransformAttrs) -> Dim:
        """How many numbers there are along the axis afterwards."""
        return size if a.n is None else a.n

    def infer(self, a: TransformAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank)
        size = x.shape[axis]
        needs: tuple[Need, ...] = ()
        if a.n is None and not at_least(size, self.least):
            needs = need_at_least(size, self.least, f"`{self.name}` of {{left}} numbers has no value", ("x", axis))
        shape = (*x.shape[:axis], self.length(size, a), *x.shape[axis + 1 :])
        return Inferred((TensorType(self.gives, shape),), needs)

    def torch(self, a: TransformAttrs, *types: TensorType) -> Code:
        n = OMIT if a.n is None else a.n
        dim, norm = unless(a.axis, -1), unless(a.norm, "backward")
        return call(f"torch.fft.{self.name}", Input(0), n=n, dim=dim, norm=norm)

    def sees(self, a: TransformAttrs, use: Use) -> Sees:
        axis = normal_axis(a.axis, use.x.rank)
        return mixing(use.x, (axis,), keeps=False, own=(axis,), weighted=True)


@record
class PlaneAttrs(OpAttrs):
    norm: Scale = "backward"


class PlaneTransform(Op[PlaneAttrs]):
    """A transform over the last two axes."""

    attrs = PlaneAttrs
    inputs = (Port("x", FLOATS),)
    gives: ClassVar[DType] = DType.COMPLEX
    example_inputs = {"x": "[N, 3, 8, 8]"}

    def width(self, size: Dim) -> Dim:
        """How many numbers there are along the last axis afterwards."""
        return size

    def infer(self, a: PlaneAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 2:
            raise Complaint(f"`{self.name}` takes pictures, and {x} has fewer than two axes", "x")
        needs: tuple[Need, ...] = ()
        for axis in (-2, -1):
            if not at_least(x.shape[axis], 1):
                message = f"`{self.name}` of {{left}} numbers has no value"
                needs += need_at_least(x.shape[axis], 1, message, ("x", axis))
        return Inferred((TensorType(self.gives, (*x.shape[:-1], self.width(x.shape[-1]))),), needs)

    def torch(self, a: PlaneAttrs, *types: TensorType) -> Code:
        return call(f"torch.fft.{self.name}", Input(0), norm=unless(a.norm, "backward"))

    def sees(self, a: PlaneAttrs, use: Use) -> Sees:
        axes = (use.x.rank - 2, use.x.rank - 1)
        return mixing(use.x, axes, keeps=False, own=axes, weighted=True)
