"""The distance between vectors."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class DistanceAttrs(OpAttrs):
    p: float = 2.0
    eps: NonNegativeFloat = 1e-6
    keepdim: bool = False


@final
class PairwiseDistance(Op[DistanceAttrs]):
    """The p-norm of ``x1 - x2 + eps`` along the last axis, broadcast over the others.

    Shape: ``x1 [*, D], x2 [*, D] -> [*]``, or ``[*, 1]`` with ``keepdim``
    """

    name = "pairwise_distance"
    module = "PairwiseDistance"
    attrs = DistanceAttrs
    inputs = (Port("x1", FLOAT), Port("x2", FLOAT))
    example = "y = pairwise_distance(a, b)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 8]"}

    def infer(self, a: DistanceAttrs, *types: TensorType) -> Result:
        x1, x2 = types
        shape, needs = broadcast(("x1", x1), ("x2", x2), what="the two sides of `pairwise_distance`")
        if not shape:
            raise Complaint("`pairwise_distance` needs an axis, and scalars have none", "x1", kind="type")
        return Inferred((x1.with_shape(*shape[:-1], *((1,) if a.keepdim else ())),), needs)

    def construct(self, a: DistanceAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a)
        return Call("nn.PairwiseDistance", args, keywords)

    def torch(self, a: DistanceAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.pairwise_distance", (Input(0), Input(1), *args), keywords)

    def saved(self, a: DistanceAttrs, use: Backprop) -> Kept | Unknown:
        if any(t is not None and t.shape != use.x.shape for t in use.inputs[:2]):
            return Unknown("nothing is said of what is kept of tensors that are stretched")
        return Kept(results=(0,), more=(use.x,))  # the difference
