"""What softmax and its kin have in common."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from fanin.ir.numbers import OPEN, Known, combined, is_number
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import Op, OpAttrs, Result, normal_axis
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, mixing, pointwise
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class SoftmaxAttrs(OpAttrs):
    axis: int


class AlongAxis(Op[SoftmaxAttrs]):
    """Normalises along one axis, which has to be named."""

    attrs = SoftmaxAttrs
    inputs = X

    def infer(self, a: SoftmaxAttrs, *types: TensorType) -> Result:
        normal_axis(a.axis, max(types[0].rank, 1))  # PyTorch takes a scalar for one number
        return types[0]

    def construct(self, a: SoftmaxAttrs, *types: TensorType) -> Call:
        return call(f"nn.{self.module}", dim=a.axis)

    def torch(self, a: SoftmaxAttrs, *types: TensorType) -> Code:
        return call(f"F.{self.name}", Input(0), dim=a.axis)

    def sees(self, a: SoftmaxAttrs, use: Use) -> Sees:
        return mixing(use.x, (a.axis,)) if use.x.rank else pointwise(use.types, use.out)

    def known(self, a: SoftmaxAttrs, use: Use, *inputs: Known) -> Known:
        if self.name != "softmax":
            return ()
        return combined(lambda x: 0.0 if is_number(x) and x == -inf else OPEN, *inputs)

    def signal(self, a: SoftmaxAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.softmax import Softmax

        if self.name != "softmax" or not types[0].rank:
            return Unknown(f"nothing is known behind `{self.name}`")
        return Softmax(a.axis % types[0].rank)

    def couplings(self, a: SoftmaxAttrs, *types: TensorType) -> Ties:
        axis = a.axis % max(types[0].rank, 1)
        return replace(tied(types[0]), fixed=((f"{axis}", f"`{self.name}` shares out over it"),))

    def masked(self, a: SoftmaxAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return None
