"""Draws by weight."""

from __future__ import annotations

from typing import final

from fanin.ir.facts import Compare
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.sizes import at_least
from fanin.record import record


@record
class MultinomialAttrs(OpAttrs):
    num_samples: PositiveInt
    replacement: bool = False


@final
class Multinomial(Op[MultinomialAttrs]):
    """Places along the last axis, drawn with probabilities in proportion to the numbers there.

    Shape: ``[N, D] -> int[N, num_samples]``, or without the N
    """

    name = "multinomial"
    attrs = MultinomialAttrs
    inputs = (Port("x", (DType.FLOAT,)),)
    example = "y = multinomial(p, 2)"
    example_inputs = {"p": "[N, 8]"}
    kept = ()
    keeps = False

    def infer(self, a: MultinomialAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank not in (1, 2):
            raise Complaint(f"`multinomial` takes a vector or a matrix, not {x}", "x")
        needs: tuple[Need, ...] = ()
        least = 1 if a.replacement else a.num_samples
        if not at_least(x.shape[-1], least):
            message = f"{a.num_samples} different places cannot be drawn from {{left}}"
            needs = (Need(Compare(">=", x.shape[-1], least), message, (("x", -1),), "too-small"),)
        return Inferred((x.with_last(a.num_samples).with_dtype(DType.INT),), needs)

    def torch(self, a: MultinomialAttrs, *types: TensorType) -> Code:
        return call("torch.multinomial", Input(0), a.num_samples, replacement=unless(a.replacement, False))
