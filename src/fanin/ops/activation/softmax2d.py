"""Softmax over the channels of an image."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.code import Call, call
from fanin.ops.contract import Complaint, NoAttrs, Result, Weighted
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, mixing


@final
class Softmax2d(Weighted[NoAttrs]):
    """Softmax over the channels, at every place of an image. PyTorch has it as a module only.

    Shape: ``[N, C, H, W] -> [N, C, H, W]``, ``[C, H, W] -> [C, H, W]``
    """

    name = "Softmax2d"
    module = "Softmax2d"
    inputs = X
    example = "y = x -> Softmax2d()"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ("result",)

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        if types[0].rank not in (3, 4):
            raise Complaint(f"`Softmax2d` takes images, [N, C, H, W] or [C, H, W], not {types[0]}", "x")
        return types[0]

    def construct(self, a: NoAttrs, *types: TensorType) -> Call:
        return call("nn.Softmax2d")

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return mixing(use.x, (use.x.rank - 3,))
