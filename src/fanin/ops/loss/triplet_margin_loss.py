"""A loss of distances to a like and an unlike vector."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveFloat
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.loss._loss import Reduction, reduced
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import spell_fields
from fanin.record import record


@record
class TripletAttrs(OpAttrs):
    margin: PositiveFloat = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: Reduction = "mean"


@final
class TripletMarginLoss(Op[TripletAttrs]):
    """``max(d(anchor, positive) - d(anchor, negative) + margin, 0)``, with the p-norm for a distance.

    With ``swap`` the negative is compared with the nearer of anchor and positive.

    Shape: ``anchor [*, D], positive [*, D], negative [*, D] -> []``, or ``[*]`` with ``reduction="none"``
    Source: Schroff et al. 2015, "FaceNet", eq. 2; Balntas et al. 2016 (swap).
    """

    name = "triplet_margin_loss"
    attrs = TripletAttrs
    inputs = (Port("anchor", FLOAT), Port("positive", FLOAT), Port("negative", FLOAT))
    example = "y = triplet_margin_loss(a, p, n)"
    example_inputs = {"a": "[N, 8]", "p": "[N, 8]", "n": "[N, 8]"}

    def infer(self, a: TripletAttrs, *types: TensorType) -> Result:
        anchor, positive, negative = types
        for port, t in (("positive", positive), ("negative", negative)):
            if t.rank != anchor.rank:
                raise Complaint(f"`{port}` has as many axes as `anchor`: it is {t}, and `anchor` is {anchor}", port)
        each = {"anchor": anchor, "positive": positive, "negative": negative}
        pairs = [("anchor", "positive"), ("anchor", "negative"), ("positive", "negative")]
        distances: list[tuple[str, TensorType]] = []
        needs: tuple[Need, ...] = ()
        for one, other in pairs if a.swap else pairs[:2]:
            shape, more = broadcast((one, each[one]), (other, each[other]), what=f"{one} and {other}")
            distances.append((other, anchor.with_shape(*shape[:-1])))
            needs += more
        outer, more = broadcast(*distances, what="the batches of the distances")
        return Inferred((reduced(anchor, outer, a.reduction),), needs + more)

    def torch(self, a: TripletAttrs, *types: TensorType) -> Code:
        _, keywords = spell_fields(a)
        return Call("F.triplet_margin_loss", (Input(0), Input(1), Input(2)), keywords)

    def saved(self, a: TripletAttrs, use: Backprop) -> Kept | Unknown:
        if a.swap or any(t is not None and t.shape != use.x.shape for t in use.inputs[:3]):
            return Unknown("nothing is said of what is kept of tensors that are stretched")
        rows = numbers(*use.x.shape[:-1])
        return Kept(more=(use.x, use.x, rows, rows, rows))
