"""Vectors of length 1."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Op, OpAttrs, Reach, Result, normal_axis
from fanin.ops.ports import X
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class NormalizeAttrs(OpAttrs):
    p: float = 2.0
    axis: int = 1
    eps: NonNegativeFloat = 1e-12


@final
class Normalize(Op[NormalizeAttrs]):
    """``x / max(norm(x), eps)`` along an axis, with the p-norm.

    Shape: ``[*S] -> [*S]``
    """

    name = "normalize"
    attrs = NormalizeAttrs
    inputs = X
    example = "y = x -> normalize(axis=-1)"

    def infer(self, a: NormalizeAttrs, *types: TensorType) -> Result:
        normal_axis(a.axis, max(types[0].rank, 1))  # PyTorch takes a scalar for one number
        return types[0]

    def torch(self, a: NormalizeAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.normalize", (Input(0), *args), keywords)

    def reach(self, a: NormalizeAttrs, *types: TensorType) -> Reach:
        rank = types[0].rank
        return Reach(mixes=(a.axis % rank,) if rank else ())
