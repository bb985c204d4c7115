"""Resizing."""

from __future__ import annotations

from typing import Any, Literal, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Op, OpAttrs, Result, inferred
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import X
from fanin.ops.resampling._resize import Extent, Scale, resize, resized
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Ties, passing
from fanin.record import record


@record
class InterpolateAttrs(OpAttrs):
    size: Extent = None
    scale_factor: Scale = None
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"] = "nearest"
    align_corners: bool | None = None
    antialias: bool = False


@final
class Interpolate(Op[InterpolateAttrs]):
    """Resizes the spatial axes to a ``size`` or by a ``scale_factor``; the new size is rounded down.

    ``linear`` is for one spatial axis, ``bilinear`` and ``bicubic`` for two, ``trilinear`` for three; the others for
    any of them. ``antialias`` is for ``bilinear`` and ``bicubic``. PyTorch's ``recompute_scale_factor`` is left out.

    Shape: ``[N, C, *S] -> [N, C, *size]``
    """

    name = "interpolate"
    attrs = InterpolateAttrs
    inputs = X
    example = 'y = x -> interpolate(scale_factor=2, mode="nearest")'
    example_inputs = {"x": "[N, 3, 8, 8]"}

    def infer(self, a: InterpolateAttrs, *types: TensorType) -> Result:
        if a.antialias and a.mode not in ("bilinear", "bicubic"):
            message = f'`antialias` is for "bilinear" and "bicubic", not for mode "{a.mode}"'
            raise Complaint(message, "antialias", kind="type")
        return resize(self.name, types[0], a.size, a.scale_factor, a.mode, a.align_corners)

    def sees(self, a: InterpolateAttrs, use: Use) -> Sees:
        return resized(use, a.mode, bool(a.align_corners) or a.antialias)

    def torch(self, a: InterpolateAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.interpolate", (Input(0), *args), keywords)

    def saved(self, a: InterpolateAttrs, use: Backprop) -> Kept:
        return Kept((0,) if a.mode == "area" else ())

    def signal(self, a: InterpolateAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stretch

        if a.mode != "nearest":
            return Unknown(f"nothing is known behind `{self.name}` by mode={a.mode!r}")
        return Stretch(tiled=False)

    def couplings(self, a: InterpolateAttrs, *types: TensorType) -> Ties:
        (y,) = inferred(self.infer(a, *types)).types
        return passing(types[0], y, {0: 0, 1: 1}, f"`{self.name}` resizes it")

    def masked(self, a: InterpolateAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
