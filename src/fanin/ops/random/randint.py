"""Random whole numbers."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import Poly
from fanin.ir.facts import Compare
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Sizes
from fanin.ops.code import Code, Sequence, call
from fanin.ops.contract import Inferred, Need, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE
from fanin.ops.sizes import at_least, need_sizes
from fanin.record import record


@record
class RandintAttrs(OpAttrs):
    low: int | Poly
    high: int | Poly
    shape: Sizes


@final
class Randint(Op[RandintAttrs]):
    """Independent whole numbers, each of ``low`` … ``high - 1`` as likely as the others.

    Shape: ``-> int[*shape]``
    """

    name = "randint"
    attrs = RandintAttrs
    inputs = ()
    order = ("low", "high", "*shape")
    example = "y = randint(0, 10, 2, 3)"
    example_inputs = {}
    kept = ()
    keeps = False

    def infer(self, a: RandintAttrs, *types: TensorType) -> Result:
        needs = need_sizes(*a.shape)
        if not at_least(a.high - a.low, 1):
            message = "there is no whole number from {right} up to, and without, {left}"
            needs += (Need(Compare(">", a.high, a.low), message, kind="too-small"),)
        return Inferred((TensorType(DType.INT, a.shape),), needs)

    def torch(self, a: RandintAttrs, *types: TensorType) -> Code:
        return call("torch.randint", a.low, a.high, Sequence(a.shape), device=DEVICE)
