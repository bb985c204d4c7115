"""What tensors made of nothing but a shape have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from fanin.ir.numbers import Known, everywhere
from fanin.ir.types import DType, TensorType, floats
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Sizes
from fanin.ops.code import Attribute, Code, Input, Like, Sequence, call
from fanin.ops.contract import Inferred, NoAttrs, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use
from fanin.ops.sizes import need_sizes
from fanin.ops.ties import Letter, Measure, Ties, tied
from fanin.record import record

DEVICE = Attribute(Like(), "device")
DTYPE = Attribute(Like(), "dtype")


@record
class ShapeAttrs(OpAttrs):
    shape: Sizes


class Shaped(Op[ShapeAttrs]):
    """A float tensor of a shape, in the module's float dtype, by torch's function of the same name."""

    kept = ()
    attrs = ShapeAttrs
    inputs = ()
    order = ("*shape",)
    example_inputs = {}
    fill: ClassVar[float | None] = None
    """The number it is filled with, where that is one."""

    def infer(self, a: ShapeAttrs, *types: TensorType) -> Result:
        return Inferred((floats(*a.shape),), need_sizes(*a.shape))

    def sees(self, a: ShapeAttrs, use: Use) -> Sees:
        return Sees((), own=tuple(range(use.out.rank)) if self.fill is None else ())

    def known(self, a: ShapeAttrs, use: Use, *inputs: Known) -> Known:
        return () if self.fill is None else everywhere(self.fill)

    def torch(self, a: ShapeAttrs, *types: TensorType) -> Code:
        sizes = a.shape or (Sequence(()),)
        return call(f"torch.{self.name}", *sizes, dtype=DTYPE, device=DEVICE)

    filled: ClassVar[float | None] = None
    """The one number it holds, where that is known."""

    def couplings(self, a: ShapeAttrs, *types: TensorType) -> Ties | Unknown:
        if self.filled is None:
            return Unknown(f"`{self.name}` draws as many numbers as it is asked for")
        out = tuple(Letter(f"{i}", s) for i, s in enumerate(a.shape))

        def resize(n: Measure) -> ShapeAttrs:
            return replace(a, shape=tuple(n(e) if isinstance(e.size, int) else e.size for e in out))

        return Ties((), (out,), resize=resize)

    def masked(self, a: ShapeAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return self.filled


class Alike(Op[NoAttrs]):
    """A tensor of the shape and kind of another, by torch's function of the same name."""

    kept = ()
    inputs = (Port("x", tuple(DType)),)
    differentiable = False
    fill: ClassVar[float | None] = None

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0]

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return Sees(((),), own=tuple(range(use.out.rank)) if self.fill is None else ())

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        return () if self.fill is None else everywhere(self.fill)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call(f"torch.{self.name}", Input(0))

    filled: ClassVar[float | None] = None
    """The one number it holds, where that is known."""

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        return tied(types[0])

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return self.filled
