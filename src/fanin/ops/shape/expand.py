"""A tensor stretched to a shape, with -1 for sizes that stay."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result
from fanin.ops.keeping import PART, Lies
from fanin.ops.sees import Sees, Use, aligned, moved
from fanin.ops.shape._stretch import expanded, stretched, stretched_ties
from fanin.ops.shape.reshape import SizeOrRest
from fanin.ops.ties import Ties
from fanin.record import record


@record
class ExpandAttrs(OpAttrs):
    shape: tuple[SizeOrRest, ...]


@final
class Expand(Op[ExpandAttrs]):
    """x repeated along its axes of size 1, and along new ones in front, without a copy; -1 keeps a size.

    Shape: ``[*S] -> [*shape]``
    """

    name = "expand"
    attrs = ExpandAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "*shape")
    example = "y = expand(x, 3, -1, 8)"
    kept = ()

    def infer(self, a: ExpandAttrs, *types: TensorType) -> Result:
        return stretched(types[0], _kept(types[0], a.shape), self.name)

    def sees(self, a: ExpandAttrs, use: Use) -> Sees:
        return moved(aligned(use.x, use.out))

    def torch(self, a: ExpandAttrs, *types: TensorType) -> Code:
        return expanded(Input(0), types[0], _kept(types[0], a.shape))

    def lies(self, a: ExpandAttrs, *types: TensorType) -> Lies:
        return PART

    def signal(self, a: ExpandAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Stretch

        return Stretch()

    def couplings(self, a: ExpandAttrs, *types: TensorType) -> Ties:
        (x,) = types
        return stretched_ties(x, _kept(x, a.shape), a, a.shape)

    def masked(self, a: ExpandAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]


def _kept(x: TensorType, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape with what -1 stands for. Raises Complaint where that is a new axis."""
    new = len(shape) - x.rank
    for i, size in enumerate(shape[: max(new, 0)]):
        if size == -1:
            raise Complaint(f"-1 keeps a size, and axis {i} is new", "shape")
    return tuple(x.shape[i - new] if size == -1 and i >= new else size for i, size in enumerate(shape))
