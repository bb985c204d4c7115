"""A loss of the angle between vectors."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import REALS, Complaint, Inferred, Op, OpAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.loss._loss import Reduction, reduced
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class CosineEmbeddingAttrs(OpAttrs):
    margin: float = 0.0
    reduction: Reduction = "mean"


@final
class CosineEmbeddingLoss(Op[CosineEmbeddingAttrs]):
    """``1 - cos(x1, x2)`` where the target is 1, ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Shape: ``x1 [N, D], x2 [N, D], target [N] -> []``, or ``[N]`` with ``reduction="none"``; the batch axis may be
    missing
    """

    name = "cosine_embedding_loss"
    attrs = CosineEmbeddingAttrs
    inputs = (Port("x1", FLOAT), Port("x2", FLOAT), Port("target", REALS))
    example = "y = cosine_embedding_loss(a, b, target)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 8]", "target": "int[N]"}

    def infer(self, a: CosineEmbeddingAttrs, *types: TensorType) -> Result:
        x1, x2, target = types
        if x1.rank not in (1, 2):
            raise Complaint(f"`{self.name}` takes [N, D] or [D], not {x1}", "x1")
        if x2.rank != x1.rank:
            raise Complaint(f"`x2` has as many axes as `x1`: it is {x2}, and `x1` is {x1}", "x2")
        if target.rank != x1.rank - 1:
            raise Complaint(
                f"the target has a number for each pair of vectors: it is {target}, and `x1` is {x1}", "target"
            )
        shape, needs = broadcast(("x1", x1), ("x2", x2), what="the two vectors")
        pairs = x1.with_shape(*shape[:-1])
        outer, more = broadcast(("x1", pairs), ("target", target), what="the vectors and the target")
        return Inferred((reduced(x1, outer, a.reduction),), needs + more)

    def torch(self, a: CosineEmbeddingAttrs, *types: TensorType) -> Code:
        _, keywords = spell_fields(a)
        return Call("F.cosine_embedding_loss", (Input(0), Input(1), Input(2)), keywords)

    def saved(self, a: CosineEmbeddingAttrs, use: Backprop) -> Kept | Unknown:
        if any(t is not None and t.shape != use.x.shape for t in use.inputs[:2]) or (
            use.inputs[2] is not None and use.inputs[2].shape != use.x.shape[:-1]
        ):
            return Unknown("nothing is said of what is kept of tensors that are stretched")
        rows = numbers(*use.x.shape[:-1])
        return Kept((0, 1), more=(rows,) * 7)
