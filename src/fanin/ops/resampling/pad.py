"""Padding."""

from __future__ import annotations

from typing import Literal, final

from fanin.ir.poly import Poly
from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import ANY, FLOATS, Complaint, Op, OpAttrs, Port, Result, inferred
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.resampling._padding import WIDTHS, pad_axes, padded
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Ties, passing
from fanin.record import record


@record
class PadFunctionAttrs(OpAttrs):
    pad: tuple[int | Poly, ...]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float | None = None


@final
class Pad(Op[PadFunctionAttrs]):
    """Puts more before and after the last axes: a number, or in the other modes what is there.

    ``pad`` is from the last axis on, before and after each: ``(left, right, top, bottom)``. Negative widths of mode
    "constant" cut. The other modes pad as many axes as there are after batch and channels.

    Shape: ``[*, L] -> [*, before + L + after]``
    """

    name = "pad"
    attrs = PadFunctionAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> pad((1, 2))"

    def infer(self, a: PadFunctionAttrs, *types: TensorType) -> Result:
        (x,) = types
        count = len(a.pad) // 2
        if len(a.pad) % 2:
            raise Complaint(f"`pad` takes two widths for each axis, {WIDTHS}, not {len(a.pad)}", "pad", kind="type")
        if count > x.rank:
            raise Complaint(f"`pad` has widths for {count} axes, and {x} has {x.rank}", "pad")
        if a.mode != "constant":
            if not 1 <= count <= 3 or x.rank not in (count + 1, count + 2):
                message = f'mode "{a.mode}" pads all axes after the channels, and {x} is given widths for {count}'
                raise Complaint(message, "pad")
            if a.value:
                raise Complaint(f'mode "{a.mode}" takes no `value`', "value", kind="type")
            if x.dtype not in FLOATS and a.mode != "circular":  # ints on some devices only
                raise Complaint(f'mode "{a.mode}" takes floats, not {x.dtype}', "x", kind="type")
        return pad_axes(x, a.pad, a.mode, "pad")

    def torch(self, a: PadFunctionAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 1)
        return Call("F.pad", (Input(0), *args), keywords)

    def sees(self, a: PadFunctionAttrs, use: Use) -> Sees:
        return padded(use, a.pad, a.mode)

    def saved(self, a: PadFunctionAttrs, use: Backprop) -> Kept:
        return Kept((0,) if a.mode in ("reflect", "replicate") else ())

    def couplings(self, a: PadFunctionAttrs, *types: TensorType) -> Ties:
        x = types[0]
        (y,) = inferred(self.infer(a, *types)).types
        return passing(x, y, {i: i for i in range(x.rank) if x.shape[i] == y.shape[i]}, "it is padded")

    def masked(self, a: PadFunctionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 and not a.value else None
