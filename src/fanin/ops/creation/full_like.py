"""One number in the shape of another tensor."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Known, everywhere
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import spell
from fanin.record import record


@record
class FullLikeAttrs(OpAttrs):
    fill_value: bool | int | float | Poly


@final
class FullLike(Op[FullLikeAttrs]):
    """The shape and kind of x, filled with one number, which has to fit.

    Shape: ``[*S] -> [*S]``
    """

    name = "full_like"
    attrs = FullLikeAttrs
    inputs = (Port("x", ANY),)
    example = "y = full_like(x, 0.5)"
    differentiable = False
    kept = ()

    def infer(self, a: FullLikeAttrs, *types: TensorType) -> Result:
        value = a.fill_value
        kind = DType.BOOL if isinstance(value, bool) else DType.FLOAT if isinstance(value, float) else DType.INT
        if promote(types[0].dtype, kind) is not types[0].dtype:
            message = f"{kind.value} numbers do not fit into this {types[0].dtype.value} tensor"
            raise Complaint(message, "fill_value", kind="type")
        return types[0]

    def sees(self, a: FullLikeAttrs, use: Use) -> Sees:
        return Sees(((),))

    def known(self, a: FullLikeAttrs, use: Use, *inputs: Known) -> Known:
        return everywhere(a.fill_value)

    def torch(self, a: FullLikeAttrs, *types: TensorType) -> Code:
        return call("torch.full_like", Input(0), spell(a.fill_value))
