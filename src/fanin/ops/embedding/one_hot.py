"""Ones at indices."""

from __future__ import annotations

from typing import Annotated, final

from fanin.ir.dims import Dim
from fanin.ir.poly import Poly
from fanin.ir.types import TensorType
from fanin.ops.attributes import Range
from fanin.ops.code import Attribute, Code, Infix, Input, Name, Subscript, call, method
from fanin.ops.contract import INTS, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, same
from fanin.record import record


@record
class OneHotAttrs(OpAttrs):
    num_classes: Annotated[int | Poly, Range(1)]


@final
class OneHot(Op[OneHotAttrs]):
    """1 at the place of each index along a new last axis, 0 elsewhere; ints, as in PyTorch.

    How many classes there are has to be said: PyTorch's default looks at the numbers in the tensor.

    Shape: ``int[*] -> int[*, num_classes]``
    """

    name = "one_hot"
    attrs = OneHotAttrs
    inputs = (Port("x", INTS),)
    example = "y = x -> one_hot(10)"
    example_inputs = {"x": "int[N]"}
    kept = ()

    def infer(self, a: OneHotAttrs, *types: TensorType) -> Result:
        return types[0].with_shape(*types[0].shape, a.num_classes)

    def torch(self, a: OneHotAttrs, *types: TensorType) -> Code:
        if not isinstance(a.num_classes, Poly):
            return call("F.one_hot", Input(0), a.num_classes)
        # PyTorch's own wants the number when it captures a graph.
        places = call("torch.arange", a.num_classes, device=Attribute(Input(0), "device"))
        return method(Infix("==", Subscript(Input(0), (Name("..."), None)), places), "long")

    def choices(self, a: OneHotAttrs, *types: TensorType) -> dict[int, Dim]:
        return {0: a.num_classes}

    def sees(self, a: OneHotAttrs, use: Use) -> Sees:
        return Sees(((same(use.x),),), own=(use.x.rank,))
