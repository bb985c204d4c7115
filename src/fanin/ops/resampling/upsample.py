"""Resizing, as PyTorch's module."""

from __future__ import annotations

from typing import Any, Literal, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call
from fanin.ops.contract import OpAttrs, Result, Weighted, inferred
from fanin.ops.ports import X
from fanin.ops.resampling._resize import Scale, resize, resized
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Ties, passing
from fanin.record import record


@record
class UpsampleAttrs(OpAttrs):
    size: PositiveInt | tuple[PositiveInt, ...] | None = None
    scale_factor: Scale = None
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"] = "nearest"
    align_corners: bool | None = None


@final
class Upsample(Weighted[UpsampleAttrs]):
    """Resizes the spatial axes to a ``size`` or by a ``scale_factor``: ``interpolate`` as a module.

    Shape: ``[N, C, *S] -> [N, C, *size]``
    """

    name = "Upsample"
    module = "Upsample"
    attrs = UpsampleAttrs
    inputs = X
    example = "y = x -> Upsample(scale_factor=2)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()

    def infer(self, a: UpsampleAttrs, *types: TensorType) -> Result:
        return resize(self.name, types[0], a.size, a.scale_factor, a.mode, a.align_corners)

    def sees(self, a: UpsampleAttrs, use: Use) -> Sees:
        return resized(use, a.mode, bool(a.align_corners))

    def construct(self, a: UpsampleAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a)
        return Call("nn.Upsample", args, keywords)

    def signal(self, a: UpsampleAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stretch

        if a.mode != "nearest":
            return Unknown(f"nothing is known behind `{self.name}` by mode={a.mode!r}")
        return Stretch(tiled=False)

    def couplings(self, a: UpsampleAttrs, *types: TensorType) -> Ties:
        (y,) = inferred(self.infer(a, *types)).types
        return passing(types[0], y, {0: 0, 1: 1}, f"`{self.name}` resizes it")

    def masked(self, a: UpsampleAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
