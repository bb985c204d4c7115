"""A tensor of zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from fanin.ir.types import TensorType, floats
from fanin.ops.attributes import Sizes
from fanin.ops.code import Attribute, Code, Like, call
from fanin.ops.contract import Op, OpAttrs, Result


@dataclass(frozen=True, slots=True)
class ShapeAttrs(OpAttrs):
    shape: Sizes


@final
class Zeros(Op[ShapeAttrs]):
    """Zeros of a shape, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "zeros"
    attrs = ShapeAttrs
    inputs = ()
    order = ("*shape",)
    example = "y = zeros(2, 3)"
    example_inputs = {}

    def infer(self, a: ShapeAttrs, *types: TensorType) -> Result:
        return floats(*a.shape)

    def torch(self, a: ShapeAttrs, *types: TensorType) -> Code:
        return call("torch.zeros", *a.shape, dtype=Attribute(Like(), "dtype"), device=Attribute(Like(), "device"))
