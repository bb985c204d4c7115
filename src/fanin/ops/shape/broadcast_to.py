"""A tensor stretched to a shape."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ops.attributes import Sizes
from fanin.ops.code import Code, Input
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result
from fanin.ops.keeping import PART, Lies
from fanin.ops.sees import Sees, Use, aligned, moved
from fanin.ops.shape._stretch import expanded, stretched, stretched_ties
from fanin.ops.ties import Ties
from fanin.record import record


@record
class BroadcastToAttrs(OpAttrs):
    shape: Sizes


@final
class BroadcastTo(Op[BroadcastToAttrs]):
    """x repeated along its axes of size 1, and along new ones in front, without a copy.

    Shape: ``[*S] -> [*shape]``
    """

    name = "broadcast_to"
    attrs = BroadcastToAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "*shape")
    example = "y = broadcast_to(x, 3, 8)"
    example_inputs = {"x": "[8]"}
    kept = ()

    def infer(self, a: BroadcastToAttrs, *types: TensorType) -> Result:
        return stretched(types[0], a.shape, self.name)

    def sees(self, a: BroadcastToAttrs, use: Use) -> Sees:
        return moved(aligned(use.x, use.out))

    def torch(self, a: BroadcastToAttrs, *types: TensorType) -> Code:
        return expanded(Input(0), types[0], a.shape)

    def lies(self, a: BroadcastToAttrs, *types: TensorType) -> Lies:
        return PART

    def signal(self, a: BroadcastToAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stretch

        return Stretch()

    def couplings(self, a: BroadcastToAttrs, *types: TensorType) -> Ties:
        (x,) = types
        return stretched_ties(x, a.shape, a, a.shape)

    def masked(self, a: BroadcastToAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]
