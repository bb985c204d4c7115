"""Local response normalisation."""

from __future__ import annotations

from typing import final

from fanin.ir.places import Span
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Op, OpAttrs, Result
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, same
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class LocalResponseAttrs(OpAttrs):
    size: PositiveInt
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@final
class LocalResponseNorm(Op[LocalResponseAttrs]):
    """``x / (k + alpha · mean(x²))^beta``, the mean over ``size`` channels around each.

    Shape: ``[N, C, *] -> [N, C, *]``, with at least one axis after the channels
    Source: Krizhevsky et al. 2012, section 3.3; PyTorch divides the sum there by ``size``.
    """

    name = "local_response_norm"
    module = "LocalResponseNorm"
    attrs = LocalResponseAttrs
    inputs = X
    example = "y = x -> local_response_norm(5)"
    example_inputs = {"x": "[N, 8, 6, 6]"}

    def infer(self, a: LocalResponseAttrs, *types: TensorType) -> Result:
        if types[0].rank < 3:
            raise Complaint(f"`local_response_norm` takes [N, C, *], of three axes or more, not {types[0]}", "x")
        return types[0]

    def construct(self, a: LocalResponseAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 1)
        return Call("nn.LocalResponseNorm", args, keywords)

    def torch(self, a: LocalResponseAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 1)
        return Call("F.local_response_norm", (Input(0), *args), keywords)

    def sees(self, a: LocalResponseAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        box[1] = Span(box[1].terms, -(a.size // 2), (a.size - 1) // 2)
        return Sees(((tuple(box),),))

    def saved(self, a: LocalResponseAttrs, use: Backprop) -> Kept:
        n, c, *places = use.x.shape
        padded = numbers(n, c + a.size - 1, *places)
        return Kept((0,), more=(padded, use.x, use.x))  # the squares, their mean and its power
