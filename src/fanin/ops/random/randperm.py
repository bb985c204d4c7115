"""A random order."""

from __future__ import annotations

from typing import final

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Size
from fanin.ops.code import Code, call
from fanin.ops.contract import Inferred, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE
from fanin.ops.sizes import need_sizes
from fanin.record import record


@record
class RandpermAttrs(OpAttrs):
    n: Size


@final
class Randperm(Op[RandpermAttrs]):
    """The numbers 0 … ``n - 1`` in a random order, each order as likely as the others.

    Shape: ``-> int[n]``
    """

    name = "randperm"
    attrs = RandpermAttrs
    inputs = ()
    example = "y = randperm(10)"
    example_inputs = {}
    kept = ()
    keeps = False

    def infer(self, a: RandpermAttrs, *types: TensorType) -> Result:
        return Inferred((TensorType(DType.INT, (a.n,)),), need_sizes(a.n))

    def torch(self, a: RandpermAttrs, *types: TensorType) -> Code:
        return call("torch.randperm", a.n, device=DEVICE)
