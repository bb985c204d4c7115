"""The loss of a sequence of labels whose places in a longer sequence are not known."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import INTS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.loss._loss import Reduction, reduced
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import spell_fields
from fanin.record import record

_LENGTHS = ("x_lengths", "target_lengths")


@record
class CtcLossAttrs(OpAttrs):
    blank: int = 0
    reduction: Reduction = "mean"
    zero_infinity: bool = False


@final
class CtcLoss(Op[CtcLossAttrs]):
    """Connectionist temporal classification: ``-log`` of the sum over all alignments (Graves et al. 2006).

    ``x`` are log-probabilities along time, as ``log_softmax`` gives them; ``blank`` is the class between labels.

    Shape: ``x [T, N, C], target int[N, S], x_lengths int[N], target_lengths int[N] -> []``, or ``[N]`` with
    ``reduction="none"``
    """

    name = "ctc_loss"
    attrs = CtcLossAttrs
    inputs = (Port("x", FLOAT), *(Port(name, INTS) for name in ("target", *_LENGTHS)))
    example = "y = ctc_loss(x, target, x_lengths, target_lengths)"
    example_inputs = {"x": "[9, N, 8]", "target": "int[N, 3]", "x_lengths": "int[N]", "target_lengths": "int[N]"}

    def infer(self, a: CtcLossAttrs, *types: TensorType) -> Result:
        x, target, *lengths = types
        if x.rank != 3:
            raise Complaint(f"`{self.name}` takes [T, N, C], time first, not {x}", "x")
        if target.rank != 2:
            raise Complaint(f"the target is int[N, S], labels that are padded to one length, not {target}", "target")
        needs: tuple[Need, ...] = ()
        for name, one in (("target", target), *zip(_LENGTHS, lengths, strict=True)):
            if one is not target and one.rank != 1:
                raise Complaint(f"`{name}` is a number for each sequence, not {one}", name)
            message = f"`{name}` has {{left}} sequences, and x has {{right}}"
            needs += need_equal(one.shape[0], x.shape[1], message, (name, 0), ("x", 1))
        if isinstance(x.shape[-1], int) and not 0 <= a.blank < x.shape[-1]:
            raise Complaint(f"`blank` is one of the {x.shape[-1]} classes, not {a.blank}", "blank")
        return Inferred((reduced(x, x.shape[1:2], a.reduction),), needs)

    def torch(self, a: CtcLossAttrs, *types: TensorType) -> Code:
        _, keywords = spell_fields(a)
        return Call("F.ctc_loss", (Input(0), Input(1), Input(2), Input(3)), keywords)
