"""The cosine of the angle between vectors."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class CosineAttrs(OpAttrs):
    axis: int = 1
    eps: NonNegativeFloat = 1e-8


@final
class CosineSimilarity(Op[CosineAttrs]):
    """``x1 · x2 / (|x1| |x2|)`` along an axis, broadcast over the others.

    Shape: ``x1 [*, D], x2 [*, D] -> [*]``
    """

    name = "cosine_similarity"
    module = "CosineSimilarity"
    attrs = CosineAttrs
    inputs = (Port("x1", FLOAT), Port("x2", FLOAT))
    example = "y = cosine_similarity(a, b, axis=-1)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 8]"}

    def infer(self, a: CosineAttrs, *types: TensorType) -> Result:
        x1, x2 = types
        shape, needs = broadcast(("x1", x1), ("x2", x2), what="the two sides of `cosine_similarity`")
        if not shape:
            raise Complaint("`cosine_similarity` needs an axis, and scalars have none", "x1", kind="type")
        axis = normal_axis(a.axis, len(shape))
        return Inferred((x1.with_shape(*shape[:axis], *shape[axis + 1 :]),), needs)

    def construct(self, a: CosineAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a)
        return Call("nn.CosineSimilarity", args, keywords)

    def torch(self, a: CosineAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.cosine_similarity", (Input(0), Input(1), *args), keywords)

    def signal(self, a: CosineAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.cosine import Cosine

        shape, _ = broadcast(("x1", types[0]), ("x2", types[1]), what="")
        return Cosine(normal_axis(a.axis, len(shape)), tuple(n for n in shape if isinstance(n, int)))

    def saved(self, a: CosineAttrs, use: Backprop) -> Kept:
        x1, x2 = use.x, use.inputs[1]
        assert x2 is not None
        whole = numbers(*broadcast(("x1", x1), ("x2", x2), what="")[0])
        rows = use.results[0]
        return Kept((0, 1), more=(whole, whole, rows, rows, rows, rows))
