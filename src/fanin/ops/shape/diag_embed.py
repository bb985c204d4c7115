"""Matrices with a diagonal."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result, normal_axis
from fanin.record import record


@record
class DiagEmbedAttrs(OpAttrs):
    offset: int = 0
    axis1: Axis = -2
    axis2: Axis = -1


@final
class DiagEmbed(Op[DiagEmbedAttrs]):
    """The last axis laid on a diagonal of two, which take its place.

    Shape: ``[*, D] -> [*, D, D]``
    """

    name = "diag_embed"
    attrs = DiagEmbedAttrs
    inputs = (Port("x", ANY),)
    example = "y = diag_embed(x)"
    kept = ()

    def infer(self, a: DiagEmbedAttrs, *types: TensorType) -> Result:
        x = types[0]
        if not x.rank:
            raise Complaint("a scalar has no axis to lay on a diagonal", "x")
        first, second = normal_axis(a.axis1, x.rank + 1, "axis1"), normal_axis(a.axis2, x.rank + 1, "axis2")
        if first == second:
            raise Complaint(f"a diagonal needs two axes, not axis {first} twice", "axis2")
        side = x.shape[-1] + abs(a.offset)
        rest = iter(x.shape[:-1])
        return x.with_shape(*(side if i in (first, second) else next(rest) for i in range(x.rank + 1)))

    def torch(self, a: DiagEmbedAttrs, *types: TensorType) -> Code:
        return call(
            "torch.diag_embed",
            Input(0),
            offset=unless(a.offset, 0),
            dim1=unless(a.axis1, -2),
            dim2=unless(a.axis2, -1),
        )
