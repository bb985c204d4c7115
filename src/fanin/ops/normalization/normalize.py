"""Vectors of length 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Op, OpAttrs, Result, normal_axis
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, mixing, pointwise
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import SUM, Ties, tied
from fanin.record import record


@record
class NormalizeAttrs(OpAttrs):
    p: float = 2.0
    axis: int = 1
    eps: NonNegativeFloat = 1e-12


@final
class Normalize(Op[NormalizeAttrs]):
    """``x / max(norm(x), eps)`` along an axis, with the p-norm.

    Shape: ``[*S] -> [*S]``
    """

    name = "normalize"
    attrs = NormalizeAttrs
    inputs = X
    example = "y = x -> normalize(axis=-1)"

    def infer(self, a: NormalizeAttrs, *types: TensorType) -> Result:
        normal_axis(a.axis, max(types[0].rank, 1))  # PyTorch takes a scalar for one number
        return types[0]

    def torch(self, a: NormalizeAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.normalize", (Input(0), *args), keywords)

    def sees(self, a: NormalizeAttrs, use: Use) -> Sees:
        return mixing(use.x, (a.axis,)) if use.x.rank else pointwise(use.types, use.out)

    def saved(self, a: NormalizeAttrs, use: Backprop) -> Kept:
        rows = use.x.with_axis(a.axis, 1)
        return Kept((0,), more=(rows, rows))

    def signal(self, a: NormalizeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        if a.p != 2:
            return Unknown(f"nothing is known behind `normalize` with p={a.p}")
        axis = a.axis % types[0].rank
        return Normalise([axis], 0.0, centre=False, to=1 / types[0].shape[axis])  # type: ignore[operator]

    def couplings(self, a: NormalizeAttrs, *types: TensorType) -> Ties:
        return replace(tied(types[0]), ends=((f"{a.axis % max(types[0].rank, 1)}", SUM),))

    def masked(self, a: NormalizeAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None
